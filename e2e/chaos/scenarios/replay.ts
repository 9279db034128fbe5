import { allTopics } from '@past-tense/contracts';
import { KafkaProducer, offsetsOf, OrderedReader, type StoredMessage } from '@past-tense/messaging';
import { eventually } from '@past-tense/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONSUMERS } from '../../system';
import { runTool, Tool } from '../../tool';
import { everythingKept } from '../../kept';
import { checkInvariants, Violation } from '../invariants';
import type { Chaos, Outcome, Scenario } from '../scenario';

const DAY_MS = 86_400_000;
/** Events a second that are fed at most; what the consumers do not take at once waits on the topic. */
const RATE = 20_000;

interface Replayed {
  readonly events: number;
  readonly applied: number;
  readonly absorbed: number;
  readonly failed: number;
  readonly waiting: number;
}

/** A day is fed to everybody again, by a tool that is killed on the way, and nothing comes of it. */
export const replay: Scenario = {
  name: 'replay',
  what: 'the last 24 hours are replayed to every consumer, and the tool is killed in the middle: databases and books stay as they are',
  async run(chaos: Chaos): Promise<Outcome> {
    const { system, scale, load, progress } = chaos;
    await load.run({ orders: scale.replayed.orders, concurrency: 8, pauseMs: scale.replayed.pauseMs });
    await checkInvariants(system, load.wanted);
    progress(0.3);
    const to = Date.now() - DAY_MS;
    const published = await publishAgainADayBefore(chaos, to);
    await atRest(chaos);
    progress(0.5);

    const before = await everythingKept(system);
    const totals = { events: 0, applied: 0, absorbed: 0, failed: 0, waiting: 0 };
    const startedAt = performance.now();
    for (const [i, consumer] of CONSUMERS.entries()) {
      const one = await feedTwice(chaos, consumer, to);
      for (const name of Object.keys(totals) as (keyof Replayed)[]) totals[name] += one[name];
      progress(0.5 + (0.5 * (i + 1)) / CONSUMERS.length);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await everythingKept(system);

    const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
    if (changed.length > 0) throw new Violation(changed.map((name) => `${name} has changed: ${before[name]} before, ${after[name]} after`));
    if (totals.absorbed !== totals.events) throw new Violation([`not everything was absorbed: ${JSON.stringify(totals)}`]);
    return {
      faults: { 'events of the day': published, 'times the tool was killed': CONSUMERS.length },
      figures: { 'events replayed': totals.events, 'events per second': Math.round(totals.events / seconds), seconds: Math.round(seconds) },
    };
  },
};

/** Puts every event on its topic once more with moments all over a day; consumers absorb them as what they are, events that came twice. */
async function publishAgainADayBefore({ system, scale }: Chaos, endMs: number): Promise<number> {
  const topics = allTopics().map(({ name }) => name);
  const ranges = (await offsetsOf(system.kafka, topics)).map(({ low, high, ...of }) => ({ ...of, from: low, to: high }));
  const all = ranges.reduce((sum, { from, to }) => sum + Number(to - from), 0);
  const wanted = Math.max(all, scale.replayed.events);
  const reader = await OrderedReader.open(system.kafka, `chaos-${endMs}`, topics);
  const producer = new KafkaProducer(system.kafka);
  let published = 0;
  try {
    while (published < wanted)
      for await (const messages of reader.read(ranges)) {
        await producer.publish(
          messages.map((message, i) => recordOf(message, endMs - DAY_MS + Math.floor((DAY_MS * (published + i)) / (wanted + all)))),
        );
        published += messages.length;
        if (published >= wanted) break;
      }
  } finally {
    await Promise.all([reader.close(), producer.disconnect()]);
  }
  return published;
}

function recordOf({ topic, key, value, headers }: StoredMessage, timestampMs: number) {
  return { topic, key, value, headers: headers as Record<string, Buffer>, timestampMs };
}

/** Kills the tool when it has fed a part, and lets the same command go on. */
async function feedTwice({ system, scale }: Chaos, consumer: string, endMs: number): Promise<Replayed> {
  const topics = allTopics().flatMap(({ name, consumers }) => (consumers.includes(consumer) ? ['--topic', name] : []));
  const span = ['--from', new Date(endMs - DAY_MS).toISOString(), '--to', new Date(endMs).toISOString()];
  const command = [...topics, ...span, '--consumer', consumer, '--yes', '--why', 'chaos'];
  const killed = new Tool(system, 'replay', [...command, '--rate', String(scale.replayed.rateBeforeKill)]);
  await eventually(async () => {
    const [row] = await system.query<{ fed: string }>(
      consumer as 'orders',
      `SELECT fed FROM replays WHERE consumer = $1 AND state = 'feeding'`,
      [consumer],
    );
    if (!(Number(row?.fed) > 0)) throw new Error('nothing was fed yet');
  }, 300_000);
  await sleep(200);
  await killed.kill();
  return await runTool<Replayed>(system, 'replay', [...command, '--rate', String(RATE)]);
}

async function atRest({ system }: Chaos): Promise<void> {
  await eventually(async () => {
    const lag = await system.lag();
    if (lag > 0) throw new Violation([`the lag is ${lag}`]);
  }, 900_000);
}
