import 'reflect-metadata';
import { Database } from '@past-tense/database';
import { Complaint, databaseUrlOf } from '@past-tense/local';
import { DeadLetters, declaredConsumers, type AfterDeath } from '@past-tense/messaging';
import { createLogger } from '@past-tense/telemetry';
import { describe, lines, table } from './describe';
import { readRequest, type Request } from './request';
import { USAGE } from './usage';

const logger = createLogger({ service: 'dlq', version: '1', level: 'silent', format: 'json' });
const say = (text: string) => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2), declaredConsumers());
  if (!request) return say(USAGE);
  const boxes: { letters: DeadLetters; database: Database }[] = [];
  try {
    for (const consumer of request.consumers) boxes.push(await open(consumer));
    await run(
      request,
      boxes.map(({ letters }) => letters),
    );
  } finally {
    await Promise.all(boxes.map(({ database }) => database.close()));
  }
}

async function open(consumer: string): Promise<{ letters: DeadLetters; database: Database }> {
  const url = databaseUrlOf(consumer, process.env);
  const database = new Database({ url, applicationName: 'dlq', entities: [], migrations: [], poolSize: 2, logger });
  try {
    await database.connect();
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new Complaint(
      `The database of ${consumer} at ${host}${pathname} does not answer: ${(error as Error).message || (error as NodeJS.ErrnoException).code}. Start the stack (npm start), or set ${consumer.toUpperCase()}_DATABASE_URL.`,
    );
  }
  const afterDeath: AfterDeath = process.env['AFTER_DEAD_LETTER'] === 'skip' ? 'skip' : 'hold';
  return { letters: new DeadLetters(database, consumer, afterDeath), database };
}

async function run(request: Request, boxes: readonly DeadLetters[]): Promise<void> {
  switch (request.command) {
    case 'list':
      return await list(request, boxes);
    case 'show':
      return await show(request, boxes);
    case 'redrive':
    case 'discard':
      return await act(request, boxes);
  }
}

async function list({ filter, json }: Request, boxes: readonly DeadLetters[]): Promise<void> {
  const groups = (await Promise.all(boxes.map((box) => box.groups(filter)))).flat();
  if (json) {
    const letters = await Promise.all(
      boxes.map(async (box) => (await box.list(filter, 1_000)).map((letter) => describe(letter, box.consumer, []))),
    );
    return say(JSON.stringify({ groups, letters: letters.flat() }, null, 2));
  }
  if (groups.length === 0) return say('There are no dead letters.');
  say(table(groups));
  const [box] = boxes.filter(({ consumer }) => consumer === groups[0]!.consumer);
  const [example] = await box!.list({ ...filter, eventType: groups[0]!.eventType ?? undefined, reason: groups[0]!.reason }, 1);
  if (example) say(`\nOne of them: npm run dlq -- show ${example.eventId}`);
}

async function show({ filter, json }: Request, boxes: readonly DeadLetters[]): Promise<void> {
  const shown: Record<string, unknown>[] = [];
  for (const box of boxes)
    for (const letter of await box.list(filter, 10)) shown.push(describe(letter, box.consumer, await box.actions(letter.eventId)));
  if (json) return say(JSON.stringify(shown, null, 2));
  for (const letter of shown) say(`${lines(letter)}\n`);
  if (shown.length > 0) return;
  for (const box of boxes)
    for (const { action, by, why, at } of await box.actions(filter.id!))
      say(`${box.consumer}: ${action} by ${by} at ${at.toISOString()}, because: ${why}`);
  throw new Complaint(`There is no dead letter ${filter.id}.`);
}

async function act(request: Request, boxes: readonly DeadLetters[]): Promise<void> {
  const { command, filter, by, why, dryRun, ratePerSecond, json } = request;
  const word = command === 'redrive' ? 'sent back' : 'discarded';
  const outcome: Record<string, number> = {};
  for (const box of boxes) {
    const count = await box.count(filter);
    const progress = (done: number) =>
      void (process.stderr.isTTY && process.stderr.write(`\r${box.consumer}: ${done} of ${count} ${word}`));
    if (!dryRun && count > 0) {
      outcome[box.consumer] = await box[command as 'redrive' | 'discard'](filter, { by, why, ratePerSecond, progress });
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    } else if (count > 0) outcome[box.consumer] = count;
  }
  if (json) return say(JSON.stringify({ command, dryRun, letters: outcome }));
  if (Object.keys(outcome).length === 0) return say('No dead letter matches.');
  for (const [consumer, count] of Object.entries(outcome)) say(`${consumer}: ${count} ${dryRun ? `would be ${word}` : word}`);
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof Complaint ? error.message : `The tool stopped: ${(error as Error).message}. What was done is done; run it again for the rest.`}\n`,
  );
  process.exitCode = 1;
});
