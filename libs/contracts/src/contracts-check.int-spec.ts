import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HOME = join(__dirname, '..');
const PROTO = 'proto/order/v1/order_completed.proto';
const COMMANDS = 'commands/shipping/v1/shipping_commands.proto';

/** Runs the check on a copy of the contracts with one file changed, or with a changed copy of it elsewhere. */
async function checkWith(change: (proto: string) => string, from = PROTO, to = from): Promise<{ ok: boolean; said: string }> {
  const copy = mkdtempSync(join(tmpdir(), 'past-tense-proto-'));
  try {
    const contracts = join(copy, 'libs', 'contracts');
    cpSync(HOME, contracts, { recursive: true, filter: (path) => !/(node_modules|dist)$/.test(path) });
    symlinkSync(join(HOME, '..', '..', 'node_modules'), join(copy, 'node_modules'));
    const after = change(readFileSync(join(contracts, from), 'utf8'));
    mkdirSync(dirname(join(contracts, to)), { recursive: true });
    writeFileSync(join(contracts, to), after);
    const { stdout, stderr } = await run(process.execPath, [join(contracts, 'generator', 'check.mjs')]).then(
      (output) => ({ ...output, code: 0 }),
      (error: { stdout: string; stderr: string }) => ({ ...error, code: 1 }),
    );
    return { ok: stdout + stderr === '', said: stdout + stderr };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const without = (field: string) => (proto: string) => proto.replace(new RegExp(`\\n +${field}: .*`), '');
const replacing = (from: string | RegExp, to: string) => (proto: string) => proto.replace(from, to);

describe('the contracts as they are', () => {
  it('are well formed, and the generated code is current', async () => {
    expect(await checkWith((proto) => proto)).toEqual({ ok: true, said: '' });
  });
});

describe('a topic cannot be built (T2)', () => {
  it.concurrent.each([
    ['without an owner', without('owner'), 'order/v1/order_completed.proto: OrderCompleted has no owner; add `owner: TEAM_…`'],
    ['without a key', without('key'), 'OrderCompleted has no key'],
    ['without a retention', without('retention_days'), 'OrderCompleted has no retention; add `retention_days: 90`'],
    ['without partitions', without('partitions'), 'OrderCompleted has no partitions'],
    ['without a cleanup policy', without('cleanup'), 'OrderCompleted has no cleanup'],
    ['without a lag objective', without('lag_slo_seconds'), 'OrderCompleted has no lag objective'],
    ['without a producer', without('producer'), 'OrderCompleted has no producer'],
    ['without a description', without('description'), 'OrderCompleted has no description'],
    [
      'without any declaration',
      replacing(/ {2}option \(past_tense[\s\S]*?};\n|import "past_tense.*\n/g, ''),
      'OrderCompleted has no topic',
    ],
    ['with an unlimited retention', replacing('retention_days: 90', 'retention_days: 40000'), 'is kept 40000 days; at most 365'],
    [
      'with a key that is no field',
      replacing('key: "order_id"', 'key: "customer_id"'),
      'has the key "customer_id", which is not one of its string fields',
    ],
    [
      'with a name of its own',
      replacing('name: "order-completed"', 'name: "orders"'),
      'a topic bears its event\'s name: "order-completed"',
    ],
    ['with an owner nobody declared', replacing('TEAM_ORDERING', 'TEAM_NOBODY'), 'TEAM_NOBODY'],
    ['without comments', replacing('  // The order.\n', ''), 'Field "order_id" should have a non-empty comment'],
  ])('%s', async (_, change, sentence) => {
    const { ok, said } = await checkWith(change);

    expect(said).toContain(sentence);
    expect(ok).toBe(false);
  });

  it('with generated code that is not what it says', async () => {
    const { said } = await checkWith(replacing('partitions: 12', 'partitions: 24'));

    expect(said).toContain('Run: npm run contracts:generate');
  });
});

/** Repeats the event of a file under each of these names. */
const named = (names: readonly string[]) => (proto: string) => {
  const [, head, event] = /^([\s\S]*?)(\/\/ [^\n]*\nmessage OrderCompleted[\s\S]*)$/.exec(proto)!;
  const topicOf = (name: string) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
  return head + names.map((name) => event!.replace('OrderCompleted', name).replace('order-completed', topicOf(name))).join('\n');
};

/** Puts commands of these names into a service. */
const commanding = (names: readonly string[]) => (proto: string) => {
  const rpcs = names.map((name) => `  // Do it.\n  rpc ${name}(${name}Request) returns (${name}Response);\n`);
  const messages = names.flatMap((name) => [`// It.\nmessage ${name}Request {}\n`, `// It.\nmessage ${name}Response {}\n`]);
  return proto.replace(/\n {2}\/\/ Call off/, `\n${rpcs.join('')}$&`) + messages.join('');
};

describe('the name of an event (T5)', () => {
  it('is refused when it does not say what happened', async () => {
    const names = [
      'OrderComplete',
      'CompleteOrder',
      'OrderCompleting',
      'OrderCompletion',
      'OrderCompletedEvent',
      'CompleteOrderCommand',
      'OrderSpeed',
      'Completed',
    ];

    const { said } = await checkWith(named(names));

    for (const name of names) expect(said).toContain(`${name} does not say what happened; an event ends with a verb in the past tense`);
  });

  it('is taken when it does', async () => {
    const { said } = await checkWith(named(['OrderCompleted', 'OrderPaid', 'ParcelLost', 'LimitSet', 'PriceAgreed']));

    expect(said).toContain('Run: npm run contracts:generate');
  });
});

describe('a command cannot be built', () => {
  it.concurrent.each([
    ['without a receiver', without('receiver'), 'ShippingCommands has no receiver; add `receiver: SERVICE_…`'],
    ['without callers', without('callers'), 'ShippingCommands has no callers'],
    ['without a scope', without('scope'), 'ShippingCommands has no scope'],
    ['with a receiver nobody declared', replacing('SERVICE_SHIPPING', 'SERVICE_NOBODY'), 'SERVICE_NOBODY'],
    ['without a comment', replacing(/ {2}\/\/ Call off.*\n/, ''), 'RPC "CancelShipment" should have a non-empty comment'],
    [
      'as a stream',
      replacing('CancelShipment(CancelShipmentRequest)', 'CancelShipment(stream CancelShipmentRequest)'),
      'CancelShipment is a stream; a command is one request with one answer',
    ],
  ])('%s', async (_, change, sentence) => {
    const { said, ok } = await checkWith(change, COMMANDS);

    expect(said).toContain(sentence);
    expect(ok).toBe(false);
  });

  it('with a name that does not say what to do', async () => {
    const names = [
      'CancelledShipment',
      'ShipmentCancelled',
      'CancellingShipment',
      'ShipmentCancel',
      'CancellationOfShipment',
      'CancelShipmentCommand',
      'SendShipmentRequest',
      'Cancel',
    ];

    const { said } = await checkWith(commanding(names), COMMANDS);

    for (const name of names)
      expect(said).toContain(`: ${name} does not say what to do; a command begins with a verb and names what it is done to`);
  });

  it('among the events', async () => {
    const asService = (proto: string) =>
      proto.replace('package shipping.v1', 'package parcel.v1').replace('ShippingCommands', 'ParcelService');

    const { said } = await checkWith(asService, COMMANDS, 'proto/parcel/v1/parcel_service.proto');

    expect(said).toContain('service ParcelService lies among the events; commands have a folder of their own, libs/contracts/commands.');
  });

  it('in a package that holds events', async () => {
    const { said } = await checkWith(
      replacing('package shipping.v1', 'package shipment.v1'),
      COMMANDS,
      'commands/shipment/v1/shipping_commands.proto',
    );

    expect(said).toContain('the package shipment.v1 holds events; commands need a package of their own.');
  });
});

describe('a command can be built', () => {
  it('with a name that says what to do', async () => {
    const names = ['SetAddress', 'ResetShipment', 'RequestRefund', 'ImplementChange', 'FeedQueue', 'BringParcel'];

    const { said } = await checkWith(commanding(names), COMMANDS);

    expect(said).toContain('Run: npm run contracts:generate');
  });
});

describe('an event among the commands', () => {
  it('cannot be built', async () => {
    const { said } = await checkWith(
      replacing('package order.v1', 'package ordering.v1'),
      PROTO,
      'commands/ordering/v1/order_completed.proto',
    );

    expect(said).toContain('OrderCompleted has a topic, so it is an event; events live in libs/contracts/proto.');
  });
});
