import 'reflect-metadata';
import { Complaint } from '@past-tense/local';
import { EventFileError, ReplayRecords } from '@past-tense/messaging';
import { describe, summaryOf } from './describe';
import { exportSpan } from './export';
import { kafkaOf, openDatabase } from './local-stack';
import { Run } from './run';
import { readRequest, type Request } from './request';
import { say, Terminal } from './terminal';
import { USAGE } from './usage';

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2));
  if (!request) return say(USAGE);
  const terminal = new Terminal(request.json);
  const kafka = kafkaOf(process.env);
  if (request.command === 'export') return await exportSpan(request, kafka, terminal);
  const database = await openDatabase(request.consumer, process.env);
  try {
    await work(request, new Run({ kafka, records: new ReplayRecords(database, request.consumer), consumer: request.consumer, terminal }));
  } finally {
    await database.close();
  }
}

async function work(request: Exclude<Request, { command: 'export' }>, run: Run): Promise<void> {
  const { records, terminal } = run.options;
  switch (request.command) {
    case 'run':
      return await run.begin(request, request.events);
    case 'resume':
      return await run.goOn(await found(records, request.id), request.ratePerSecond);
    case 'list': {
      const replays = await records.latest(50);
      if (replays.length === 0) terminal.say(`Nothing was replayed to ${request.consumer} yet.`);
      for (const replay of replays) terminal.say(summaryOf(replay));
      return terminal.result({
        replays: await Promise.all(replays.map(async (replay) => describe(replay, await records.outcome(replay)))),
      });
    }
    case 'show': {
      const replay = await found(records, request.id);
      const described = describe(replay, await records.outcome(replay));
      for (const [name, value] of Object.entries(described))
        terminal.say(`${name.padEnd(12)}${typeof value === 'string' ? value : JSON.stringify(value)}`);
      return terminal.result(described);
    }
    case 'cancel': {
      const replay = await found(records, request.id);
      if (replay.state === 'done' || replay.state === 'cancelled')
        throw new Complaint(`Replay ${replay.id} is ${replay.state}; there is nothing to cancel.`);
      await records.alone(replay, () => records.cancel(replay));
      terminal.say(`Replay ${replay.id} is cancelled. The ${replay.fed.messages} events that were fed take their course.`);
      return terminal.result({ id: replay.id, state: 'cancelled' });
    }
  }
}

async function found(records: ReplayRecords, id: string) {
  const replay = await records.get(id);
  if (!replay) throw new Complaint(`There is no replay ${id} of this consumer; npm run replay -- list --consumer <name> names them.`);
  return replay;
}

main().catch((error: unknown) => {
  const { message } = error as Error;
  const said = error instanceof Complaint || error instanceof EventFileError;
  process.stderr.write(`${said ? message : `The replay stopped: ${message}. What was fed is noted; the same command again goes on.`}\n`);
  process.exitCode = 1;
});
