import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import type { Sources } from '../src/catalogue';
import { readSources } from '../src/checkout';
import { readContract } from '../src/contract';
import { generate, type Generated } from '../src/files';
import type { Manifest } from '../src/manifests';
import { BEGIN, END } from '../src/pages/service-block';
import { imageWith, manifestsAsDeclared, ROOT, withTopicOption } from './sources';

const PROTO = 'libs/contracts/proto';

let image: FileDescriptorSet;
let sources: Sources;

beforeAll(() => {
  const read = readSources(ROOT, []);
  image = read.image;
  sources = { ...read, manifests: manifestsAsDeclared(image) };
});

const made = (change: Partial<Sources> = {}): Generated => generate({ ...sources, ...change });
/** The manifests, with that of one service changed. */
const withManifest = (service: string, change: (manifest: Manifest) => Partial<Manifest>) =>
  sources.manifests.map((manifest) => (manifest.service === service ? { ...manifest, ...change(manifest) } : manifest));
const docs = ({ files }: Generated, page: string) => files.get(`docs/events/${page}.md`)!;

describe('services that do what is declared', () => {
  it('are no problem, and nothing is noteworthy', () => {
    expect(made()).toMatchObject({ problems: [], notes: [] });
  });

  it('are on the map, with each topic between those who publish and those who consume it, and commands apart', () => {
    const map = /```mermaid\n([\s\S]*?)```/.exec(docs(made(), 'README'))![1]!;
    const named = (pattern: RegExp) =>
      new Map([...map.matchAll(pattern)].map(([, node, label]) => [node!, label!.split('<br/>')] as const));
    const [services, topics, commands] = [named(/(\S+)\["(.*)"\]:::/g), named(/(\S+)\(\["(.*)"\]\)/g), named(/(\S+)\{\{"(.*)"\}\}/g)];
    const label = (node: string) => services.get(node) ?? topics.get(node) ?? commands.get(node)!;
    const arrows = [...map.matchAll(/^ *(.+?) (-->|-\..*->) (.+)$/gm)].flatMap(([, from, arrow, to]) =>
      from!
        .split(' & ')
        .flatMap((start) => to!.split(' & ').map((end) => ({ from: label(start), to: label(end), isEvent: arrow === '-->' }))),
    );
    const drawn = arrows
      .filter(({ isEvent }) => isEvent)
      .flatMap(({ from, to }) => from.flatMap((start) => to.map((end) => `${start} > ${end}`)));
    const declared = readContract(image).topics.flatMap(({ name, producer, mayConsume }) => [
      `${producer} > ${name}`,
      ...mayConsume.map((consumer) => `${name} > ${consumer}`),
    ]);

    expect(drawn.sort()).toEqual(declared.sort());
    expect(arrows.filter(({ isEvent }) => !isEvent)).toEqual([
      { from: ['orders'], to: ['CancelShipment', 'ChangeDeliveryAddress'], isEvent: false },
      { from: ['CancelShipment', 'ChangeDeliveryAddress'], to: ['shipping'], isEvent: false },
    ]);
  });
});

describe('a topic', () => {
  it('that nobody publishes is a problem', () => {
    const silent = withManifest('orders', ({ publishes }) => ({ publishes: publishes.filter((type) => type !== 'order.v2.OrderPlaced') }));

    const changed = made({ manifests: silent });

    expect(changed.problems).toEqual([
      `Nobody publishes the topic order-placed-v2; add OrderPlacedV2 to \`publishes\` in apps/orders/src/orders.messages.ts, or take the event out of ${PROTO}/order/v2/order_placed.proto.`,
    ]);
    expect(docs(changed, 'order-placed-v2')).toMatch(/\| published by +\| \*\*nobody\*\*/);
  });

  it('without an owner is a problem', () => {
    const { problems } = made({ image: withTopicOption(image, 'order.v1.OrderCompleted', { owner: 0 }) });

    expect(problems).toEqual([
      `The topic order-completed has no owner; add \`owner: TEAM_…\` to its (past_tense.contract.v1.topic) option in ${PROTO}/order/v1/order_completed.proto.`,
    ]);
  });

  it('that nobody consumes is a note, also on the first page', () => {
    const unheard = made({
      image: withTopicOption(image, 'shipment.v1.ShipmentDelivered', { consumers: [] }),
      manifests: withManifest('tracking', () => ({ consumes: [] })),
    });

    expect(unheard.problems).toEqual([]);
    expect(unheard.notes).toContain('Nobody consumes the topic shipment-delivered.');
    expect(unheard.notes).toContain('Nobody consumes the topic order-completed; declared, and silent so far: tracking.');
    expect(docs(unheard, 'README')).toMatch(/\nNobody consumes .*\[`shipment-delivered`\]\(shipment-delivered\.md\)\.\n/);
  });

  it('shows who is declared and does not consume yet, and draws no arrow to them', () => {
    const changed = made({ manifests: withManifest('shipping', () => ({ consumes: [] })) });

    expect(docs(changed, 'order-placed')).toMatch(/\| \[shipping\][^|]+\| declared, does not consume yet +\| +\|/);
    expect(docs(changed, 'README')).not.toMatch(/--> .*service_shipping/);
    expect(changed.files.get('docs/events/asyncapi.json')).not.toContain('shipping.consumes.');
  });

  it('without an example, or with a wrong one, is a problem', () => {
    const examples = new Map(sources.examples);
    examples.delete('order.v1.OrderCompleted');
    examples.set('order.v1.OrderCancelled', { orderId: 'some order', reason: 'REASON_UNDELIVERABLE' });
    examples.set('payment.v1.PaymentDeclined', { colour: 'red' });

    expect(made({ examples }).problems).toEqual([
      expect.stringMatching(
        /^The example of the topic order-cancelled is wrong: .*order_id.*UUID.*; mend libs\/contracts\/examples\/order\.v1\.OrderCancelled\.json\.$/,
      ),
      'The topic order-completed has no example; write a payload of it in proto JSON to libs/contracts/examples/order.v1.OrderCompleted.json.',
      expect.stringMatching(/^The example of the topic payment-declined is wrong: .*"colour" is unknown; mend /),
    ]);
  });
});

describe('a manifest', () => {
  it('that says what its service may not do is a problem', () => {
    const manifests = withManifest('payments', ({ publishes, consumes }) => ({
      publishes: [...publishes, 'order.v1.OrderCompleted', 'order.v9.OrderDreamt'],
      consumes: [...consumes, { eventType: 'shipment.v1.ShipmentDelivered', reaction: 'RejoiceWhenShipmentDelivered' }],
    }));

    expect(made({ manifests }).problems).toEqual([
      `payments publishes on the topic order-completed and may not; take it out of its manifest, or name it as the producer in ${PROTO}/order/v1/order_completed.proto.`,
      'payments publishes order.v9.OrderDreamt, which is no event; give it a topic in libs/contracts/proto, or take it out of the manifest.',
      `payments consumes the topic shipment-delivered and may not; add it to the consumers in ${PROTO}/shipment/v1/shipment_delivered.proto, or take the reaction out.`,
    ]);
  });

  it('of a service that nobody declared is a problem', () => {
    const manifests = [...sources.manifests, { service: 'invoicing', publishes: [], consumes: [], answers: false }];

    expect(made({ manifests }).problems).toEqual([
      `apps/invoicing has a manifest, but nobody declared a service "invoicing"; add it to ${PROTO}/past_tense/contract/v1/ownership.proto.`,
    ]);
  });
});

describe('a version', () => {
  it('that is deprecated says until when it stays and what replaces it', () => {
    const changed = made({ image: withTopicOption(image, 'order.v1.OrderPlaced', { deprecatedSince: '2026-12-01' }) });
    const state = 'deprecated since 2026-12-01, may be removed from 2027-03-01';

    expect(docs(changed, 'order-placed')).toMatch(new RegExp(`\\| state +\\| ${state} `));
    expect(docs(changed, 'order-placed')).toMatch(
      /\| 2 +\| \[`order-placed-v2`\]\(order-placed-v2\.md\) \| `order\.v2\.OrderPlaced` \| current/,
    );
    expect(docs(changed, 'order-placed-v2')).toContain(state);
    expect(docs(changed, 'README')).toContain(`v1, ${state}`);
  });
});

describe('the README of a service', () => {
  const readme = (text: string) => made({ readmes: new Map([['payments', text]]) });

  it('keeps what is written by hand around the block', () => {
    const path = 'apps/payments/README.md';
    const first = readme(`# payments\n\nBefore.\n\n${BEGIN}\nold\n${END}\n\nAfter.\n`).files.get(path)!;

    expect(first).toMatch(
      /^# payments\n\nBefore\.\n\n<!-- events:begin -->\n\nOwned by \*\*payments\*\*[\s\S]*<!-- events:end -->\n\nAfter\.\n$/,
    );
    expect(first).not.toContain('old');
    expect(readme(first).files.get(path)).toBe(first);
  });

  it('without marks gets the block at its end; with only one of them it is refused', () => {
    expect(readme('# payments\n').files.get('apps/payments/README.md')).toMatch(
      /^# payments\n\n<!-- events:begin -->[\s\S]*<!-- events:end -->\n$/,
    );
    expect(() => readme(`# payments\n\n${BEGIN}\n`)).toThrow(`apps/payments/README.md has to hold ${BEGIN} and, after it, ${END}`);
    expect(() => readme(`# payments\n\n${END}\n${BEGIN}\n`)).toThrow('write both, or take both out');
  });

  it('is left out where there is none', () => {
    expect([...made({ readmes: new Map() }).files.keys()].filter((path) => path.startsWith('apps'))).toEqual([]);
  });
});

describe('an event with everything that a schema can hold', () => {
  const PARCEL = `
    syntax = "proto3";
    package parcel.v1;
    import "buf/validate/validate.proto";
    import "google/protobuf/timestamp.proto";
    import "past_tense/contract/v1/topic.proto";

    // A parcel was weighed.
    message ParcelWeighed {
      option (past_tense.contract.v1.topic) = {
        name: "parcel-weighed" owner: TEAM_FULFILMENT description: "A parcel was put on the <big> scales | weighed."
        key: "parcel_id" partitions: 6 retention_days: 30 cleanup: CLEANUP_COMPACT compaction_reason: "The last weight counts."
        lag_slo_seconds: 60 producer: SERVICE_SHIPPING consumers: [SERVICE_TRACKING]
      };
      option (buf.validate.message).cel = { id: "gross" message: "gross is more than net" expression: "this.gross > this.net" };

      // How it was weighed.
      enum Means {
        // Not said.
        MEANS_UNSPECIFIED = 0;
        // By hand.
        MEANS_HAND = 1 [deprecated = true];
        // On scales.
        MEANS_SCALES = 2 [(past_tense.contract.v1.acknowledged_by) = SERVICE_TRACKING];
      }
      // A part.
      message Part {
        // Parts of it.
        repeated Part parts = 1;
      }

      // The parcel.
      string parcel_id = 1 [(buf.validate.field).string.uuid = true];
      // In grams, with the box.
      int64 gross = 2 [(buf.validate.field).int64 = { gt: 0 lte: 50000 }];
      // In grams, without.
      int32 net = 3 [(buf.validate.field).int32.gte = 0];
      // When.
      google.protobuf.Timestamp weighed_at = 4 [(buf.validate.field).required = true];
      // What is in it.
      repeated string skus = 5 [(buf.validate.field).repeated = { max_items: 9 unique: true items: { string: { prefix: "A|" max_len: 8 } } }];
      // Grams by part.
      map<string, uint32> weights = 6 [(buf.validate.field).map.max_pairs = 4];
      // Who weighed it.
      oneof weigher {
        // A person.
        string person = 7 [(past_tense.contract.v1.personal) = true, (buf.validate.field).string.len = 4];
        // A machine.
        string machine = 8;
      }
      // How.
      Means means = 9 [(buf.validate.field).enum = { in: [1, 2] }];
      // Parts.
      Part part = 10;
      // Where.
      string place = 11 [deprecated = true, (past_tense.contract.v1.deprecated_since) = "2026-11-21"];
      // Fragile.
      optional bool fragile = 12;
      // A picture.
      bytes picture = 13 [(buf.validate.field).bytes.max_len = 10, (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE];
    }
  `;
  let page: string;
  let schemas: Record<string, { required?: string[]; properties: Record<string, object> }>;

  beforeAll(() => {
    const withParcel = imageWith({ 'parcel/v1/parcel_weighed.proto': PARCEL });
    const changed = made({ image: withParcel, manifests: manifestsAsDeclared(withParcel) });
    page = docs(changed, 'parcel-weighed');
    const document = JSON.parse(changed.files.get('docs/events/asyncapi.json')!) as { components: { schemas: typeof schemas } };
    schemas = document.components.schemas;
  });

  it.each([
    ['the key', /`parcel_id` +\| 1 +\| `string` +\| UUID +\| The parcel\. \*\*The key\.\*\*/],
    ['a range that is open below', /`gross` .*`int64` +\| at most 50000; more than 0 /],
    ['a lower bound', /`net` .*`int32` +\| at least 0 /],
    ["a type of Protobuf's own", /`weighed_at` .*\| `google\.protobuf\.Timestamp` +\| required /],
    [
      'a list and the rules of its items',
      /`skus` .*\| list of `string` +\| at most 9 items; none of them twice; each: at most 8 characters; each: begins with `A\\\|` /,
    ],
    ['a map', /`weights` .*\| map to `uint32` +\| at most 4 entries /],
    ['a choice', /`machine` .*\| at most one of `weigher` +\| A machine\./],
    ['personal data', /`person` .*\| exactly 4 characters; at most one of `weigher` +\| A person\. \*\*Personal\.\*\*/],
    ['values by their names', /`means` .*\| one of `MEANS_HAND`, `MEANS_SCALES` +\|/],
    ['a type of its own', /`part` .*\| \[Part\]\(#part\) /],
    ['a deprecated field', /`place` .*\| Where\. \*\*Deprecated since 2026-11-21, may be removed from 2027-02-19\.\*\*/],
    ['bytes, and what may be left out', /`picture` .*\| at most 10 bytes; or left out +\|/],
    ['a deprecated value', /`MEANS_HAND` +\| 1 +\| By hand\. \*\*Deprecated\.\*\*/],
    ['who acknowledged a value', /`MEANS_SCALES` +\| 2 +\| On scales\. +\| tracking /],
    ['a rule of the whole', /\nA parcel was weighed\. Rules: gross is more than net\.\n/],
    ['a reason to compact', /\| cleanup +\| compact: The last weight counts\./],
    ['what looks like HTML, as text', /\nA parcel was put on the &lt;big> scales \| weighed\.\n/],
    ['that there is no example', /\nThere is none yet\.\n/],
  ])('has a page that shows %s', (_, line) => {
    expect(page).toMatch(line);
  });

  it('has a JSON Schema that says the same of proto JSON', () => {
    expect(schemas['parcel.v1.ParcelWeighed']).toMatchObject({
      description: 'A parcel was weighed. gross is more than net',
      properties: {
        parcelId: { type: 'string', format: 'uuid' },
        gross: { type: 'string', pattern: '^[0-9]+$', description: 'In grams, with the box. (at most 50000; more than 0)' },
        net: { type: 'integer', minimum: 0 },
        weighedAt: { allOf: [{ type: 'string', format: 'date-time' }] },
        skus: { type: 'array', maxItems: 9, uniqueItems: true, items: { type: 'string', maxLength: 8 } },
        weights: { type: 'object', maxProperties: 4, additionalProperties: { type: 'integer', minimum: 0 } },
        person: { type: 'string', minLength: 4, maxLength: 4, 'x-personal': true },
        means: { type: 'string', enum: ['MEANS_HAND', 'MEANS_SCALES'] },
        part: { allOf: [{ $ref: '#/components/schemas/parcel.v1.ParcelWeighed.Part' }] },
        place: { type: 'string', deprecated: true, 'x-deprecated-since': '2026-11-21' },
        fragile: { type: 'boolean' },
        picture: { type: 'string', contentEncoding: 'base64' },
      },
    });
    expect(schemas['parcel.v1.ParcelWeighed.Part']!.properties).toMatchObject({
      parts: { items: { $ref: '#/components/schemas/parcel.v1.ParcelWeighed.Part' } },
    });
  });

  it('demands the fields without which it is refused, and no others', () => {
    expect(schemas['parcel.v1.ParcelWeighed']!.required).toEqual(['parcelId', 'gross', 'weighedAt', 'means']);
    expect(schemas['money.v1.Money']!.required).toEqual(['currency']);
  });
});
