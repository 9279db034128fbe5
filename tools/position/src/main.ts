import { Complaint } from '@past-tense/local';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { positionsInWords, previewInWords, progressInWords, resetInWords } from './describe';
import { Operations, type Recorded } from './operations';
import { readRequest, type Request } from './request';
import { USAGE } from './usage';

const POLL_MS = 1_000;
const say = (text: string) => void process.stdout.write(`${text}\n`);
const sayJson = (value: unknown) => say(JSON.stringify(value, null, 2));

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2));
  if (!request) return say(USAGE);
  const operations = await Operations.of(request.consumer, process.env);
  switch (request.command) {
    case 'show':
      return await show(request, operations);
    case 'list':
      return await list(request, operations);
    case 'reset':
      return await reset(request, operations);
  }
}

async function show({ topic, json }: Request & { command: 'show' }, operations: Operations): Promise<void> {
  const positions = await operations.positions();
  const partitions = positions.partitions.filter((one) => topic === undefined || one.topic === topic);
  if (partitions.length === 0) throw new Complaint(`${positions.consumer} does not consume ${topic}.`);
  const shown =
    topic === undefined ? positions : { consumer: positions.consumer, partitions, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) };
  if (json) sayJson(shown);
  else say(positionsInWords(shown));
}

async function list({ consumer, json }: Request, operations: Operations): Promise<void> {
  const resets = await operations.list();
  if (json) return sayJson(resets);
  if (resets.length === 0) return say(`The positions of ${consumer} were never reset.`);
  for (const one of resets) say(resetInWords(one));
}

async function reset({ reset, consumer, yes, dryRun, wait, json }: Request & { command: 'reset' }, operations: Operations): Promise<void> {
  const preview = await operations.preview(reset);
  if (!json) say(previewInWords(preview));
  if (dryRun) return json ? sayJson(preview) : undefined;
  if (!yes && !(await isWanted(consumer))) throw new Complaint('Nothing was changed.');
  let recorded = await operations.reset(reset);
  if (wait) recorded = await untilCaughtUp(recorded, operations);
  if (json) sayJson(recorded);
  else say(`Reset ${recorded.id} ${recorded.state === 'superseded' ? 'was superseded by a later one' : progressInWords(recorded)}.`);
  if (recorded.state === 'superseded') process.exitCode = 1;
}

async function isWanted(consumer: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Complaint('There is nobody to ask here; say --yes if this is what you want.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Have ${consumer} go on there? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Looks until nothing of it is left. Whoever does not want to wait ends the tool: the reset goes on without it. */
async function untilCaughtUp(begun: Recorded, operations: Operations): Promise<Recorded> {
  let recorded = begun;
  let said = '';
  for (;;) {
    recorded = await operations.recorded(recorded.id);
    const progress = progressInWords(recorded);
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${progress}`);
    else if (recorded.state !== said) process.stderr.write(`${progress}\n`);
    said = recorded.state;
    if (recorded.state === 'superseded' || (recorded.state === 'done' && recorded.remaining === 0)) break;
    await sleep(POLL_MS);
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  return recorded;
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
});
