import { kafkaAccess } from '@past-tense/config';
import { Database } from '@past-tense/database';
import {
  copySchemaOf,
  eventsOf,
  previewRebuild,
  ReadModel,
  Rebuild,
  RebuildRefusal,
  Rebuilds,
  type KafkaOptions,
  type Reaction,
  type RebuildOutcome,
  type RebuildProgress,
  type RebuildRecord,
} from '@past-tense/messaging';
import { Outbox } from '@past-tense/outbox';
import type { Logger } from '@past-tense/telemetry';
import { ttlOf } from '../dedup-window';
import { stagesOf } from '../event-versions';
import { checkManifest, type Messages } from '../messages';
import type { ServiceDefinition } from '../run-service';
import { databaseOptions, openDatabase } from '../service-database';
import { LOGGER, SETTINGS, type MessagingSettings } from '../settings';
import { buildOf } from './build';
import { copyContext } from './copy-context';
import { readRequest, type RebuildRequest } from './request';
import { Terminal } from './terminal';
import { bytes, comparisonOf, countsOf, duration, number, refusalOf, summaryOf, USAGE } from './words';

// What a rebuild needs of connections: one for itself, one that keeps others out, one for the swap, one for the tables it looks at.
const POOL_SIZE = 4;

/** Why a service whose manifest does not say that it is a projection cannot be rebuilt. */
export function notRebuildable(service: string): string {
  return `${service} is no projection: what it keeps does not follow from events alone, and doing them again would ask others again. Only a service whose manifest says \`projection: true\` can be rebuilt.`;
}

/**
 * Fills the read model of a service anew beside the one that serves, compares the two and swaps them; or shows and ends what was begun before.
 * @param definition of a projection
 * @param args what was said after `rebuild`
 * @returns the exit code: 0 if it was done, 1 if not, and then why was said
 */
export async function rebuildService(
  definition: ServiceDefinition,
  settings: MessagingSettings,
  logger: Logger,
  args: readonly string[],
): Promise<number> {
  const terminal = new Terminal(args.includes('--json'));
  try {
    const request = readRequest(args);
    if (!request) process.stdout.write(USAGE);
    else await new ServiceRebuild(definition, settings, logger, terminal).do(request);
    return 0;
  } catch (error) {
    const { message } = error as Error;
    terminal.complain(
      error instanceof RebuildRefusal
        ? message
        : `The rebuild stopped: ${message.replace(/\.?$/, '.')} Run it again; it goes on where it ended.`,
    );
    logger.debug({ err: error }, 'why the rebuild stopped');
    return 1;
  }
}

class ServiceRebuild {
  readonly #messages: Messages;
  readonly #database: Database;
  readonly #rebuilds: Rebuilds;
  readonly #kafka: KafkaOptions;
  readonly #topics: readonly string[];

  constructor(
    private readonly definition: ServiceDefinition,
    private readonly settings: MessagingSettings,
    private readonly logger: Logger,
    private readonly terminal: Terminal,
  ) {
    const { name } = definition;
    this.#messages = definition.messages!;
    this.#topics = checkManifest(name, this.#messages).consumed.map((topic) => topic.name);
    this.#database = new Database({ ...databaseOptions(definition, settings, logger), poolSize: POOL_SIZE });
    this.#rebuilds = new Rebuilds(this.#database, name);
    this.#kafka = { ...kafkaAccess(settings), clientId: `${name}-rebuild`, logger };
  }

  async do(request: RebuildRequest): Promise<void> {
    await openDatabase(this.#database, this.settings.DATABASE_URL);
    try {
      await this.#do(request);
    } finally {
      await this.#database.close();
    }
  }

  async #do(request: RebuildRequest): Promise<void> {
    const { command, id } = request;
    switch (command) {
      case 'run':
        return await this.#rebuilds.alone((lost) => this.#run(request, lost));
      case 'list':
        return await this.#list();
      case 'drop':
      case 'abandon':
        await this.#mayGoOn(
          request,
          command === 'drop' ? `Drop what rebuild ${id} has replaced?` : `Abandon rebuild ${id} and drop its copy?`,
        );
        await this.#rebuilds.alone(() => this.#rebuilds[command](id));
        this.terminal.say(
          command === 'drop' ? `What rebuild ${id} had replaced is dropped.` : `Rebuild ${id} is abandoned, and its copy dropped.`,
        );
        return this.terminal.result({ id, state: command === 'drop' ? 'dropped' : 'abandoned' });
    }
  }

  async #list(): Promise<void> {
    const rebuilds = await this.#rebuilds.list();
    if (rebuilds.length === 0) this.terminal.say(`${this.definition.name} was not rebuilt yet.`);
    for (const record of rebuilds) this.terminal.say(summaryOf(record));
    this.terminal.result({ rebuilds: rebuilds.map(({ positions: _, ...record }) => record) });
  }

  async #run(request: RebuildRequest, lost: AbortSignal): Promise<void> {
    const model = await ReadModel.of(this.#database, this.definition.name);
    const record = await this.#recordFor(request, model);
    const startedAt = performance.now();
    const outcome = await this.#stoppable(lost, (signal) => this.#rebuild(record, model, request, signal));
    this.#tell(outcome, model, request, performance.now() - startedAt);
  }

  /** The rebuild to go on with, or a new one. */
  async #recordFor(request: RebuildRequest, model: ReadModel): Promise<RebuildRecord> {
    const { name, root } = this.definition;
    const unfinished = await this.#rebuilds.unfinished();
    const build = buildOf(root, this.settings.CONSUMED_VERSIONS);
    if (unfinished && unfinished.build !== build)
      throw new RebuildRefusal(
        `Rebuild ${unfinished.id} was begun by another build of ${name}, or with other CONSUMED_VERSIONS, and a copy must come from one. Abandon it (rebuild abandon ${unfinished.id}) and begin anew.`,
      );
    if (!request.json) await this.#preview(model);
    if (unfinished) this.terminal.say(`Rebuild ${unfinished.id} was begun at ${unfinished.startedAt.toISOString()} and goes on.`);
    if (!request.dryRun) await this.#mayGoOn(request, `Rebuild ${name} and swap?`);
    return unfinished ?? (await this.#rebuilds.begin({ build, by: request.by, why: request.why }));
  }

  async #preview(model: ReadModel): Promise<void> {
    const { name } = this.definition;
    const { events, partitions, oldestMs } = await previewRebuild(this.#kafka, name, this.#topics);
    const oldest = oldestMs === undefined ? '' : `, the oldest of ${new Date(oldestMs).toISOString()}`;
    this.terminal.say(
      `${name} has heard of ${number(events)} events on ${this.#topics.length} topics (${partitions} partitions)${oldest}.`,
    );
    for (const { table, rows, bytes: size } of await model.sizes(this.#database))
      this.terminal.say(`${table} serves about ${number(rows)} rows, ${bytes(size)}; the copy takes as much besides.`);
  }

  async #rebuild(
    record: RebuildRecord,
    model: ReadModel,
    { allowDifferences, dryRun }: RebuildRequest,
    signal: AbortSignal,
  ): Promise<RebuildOutcome> {
    const { name, module } = this.definition;
    const { settings, logger } = this;
    const copy = new Database({ ...databaseOptions(this.definition, settings, logger), poolSize: POOL_SIZE, schema: copySchemaOf(name) });
    await openDatabase(copy, settings.DATABASE_URL);
    const context = await copyContext(module, [
      { provide: SETTINGS, useValue: settings },
      { provide: LOGGER, useValue: logger },
      { provide: Database, useValue: copy },
      // It publishes nothing; what it would append stays in the copy and goes with it.
      { provide: Outbox, useValue: new Outbox({ producer: { name, version: '' }, schemas: new Map(), committed: () => undefined }) },
    ]);
    try {
      const reactions = this.#messages.reactions.flatMap((reaction) => {
        const instance = context.get<Reaction<never>>(reaction, { strict: false });
        return eventsOf(reaction).map((event) => [event, instance] as const);
      });
      return await Rebuild.run(
        {
          consumer: name,
          kafka: this.#kafka,
          topics: this.#topics,
          reactions: new Map(reactions),
          stages: stagesOf(name, checkManifest(name, this.#messages).consumed, settings.CONSUMED_VERSIONS, () => true),
          database: this.#database,
          copy,
          model,
          rebuilds: this.#rebuilds,
          dedupTtlMs: ttlOf(name, settings),
          afterDeath: settings.AFTER_DEAD_LETTER,
          progress: progressOn(this.terminal),
          signal,
          logger,
        },
        record,
        { allowDifferences, dryRun },
      );
    } finally {
      await context.close();
      await copy.close();
    }
  }

  #tell(outcome: RebuildOutcome, model: ReadModel, { dryRun, allowDifferences }: RebuildRequest, ms: number): void {
    const { record, comparison, swapped, consumerWaitedMs, readersWaitedMs, madeKnown, settled } = outcome;
    const equal = comparison.every((table) => table.equal);
    for (const line of [...countsOf(outcome), ...comparisonOf(comparison)]) this.terminal.say(line);
    if (swapped) {
      this.terminal.say(
        `Swapped after ${duration(ms)}. ${this.definition.name} stood still for ${duration(consumerWaitedMs)}, and reads waited for ${duration(readersWaitedMs)} at most.`,
      );
      if (settled > 0) this.terminal.say(`${number(settled)} events that it held, waiting or dead, are in the copy and held no longer.`);
      this.terminal.say(`What was replaced stays until you drop it: rebuild drop ${record.id}`);
    } else if (dryRun) this.terminal.say(`Nothing was swapped; the copy stays in schema ${model.copy}, and the next run goes on with it.`);
    const { id, counts, failures } = record;
    const figures = {
      seconds: Math.round(ms) / 1_000,
      consumerWaitedMs: Math.round(consumerWaitedMs),
      readersWaitedMs: Math.round(readersWaitedMs),
    };
    this.terminal.result({ id, swapped, equal, counts, waiting: outcome.waiting, failures, comparison, madeKnown, settled, ...figures });
    if (!swapped && !dryRun && !equal && !allowDifferences) throw new RebuildRefusal(refusalOf(outcome, model.copy));
  }

  /** @throws RebuildRefusal if nobody agrees */
  async #mayGoOn({ yes }: RebuildRequest, question: string): Promise<void> {
    if (yes) return;
    if (!this.terminal.canAsk) throw new RebuildRefusal('Nobody can be asked here whether this is wanted; say so with --yes.');
    if (!(await this.terminal.agrees(question))) throw new RebuildRefusal('Nothing was done.');
  }

  /** Does something that ends after its current step when it is told to stop; told twice, the process ends at once. */
  async #stoppable<T>(lost: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const told = new AbortController();
    const stop = () => {
      if (told.signal.aborted) process.exit(1);
      told.abort(new RebuildRefusal('Stopped. Run it again; it goes on where it ended.'));
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
    try {
      return await work(AbortSignal.any([lost, told.signal]));
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
    }
  }
}

/** Shows how far a rebuild is, and how fast it was in this run. */
function progressOn(terminal: Terminal): (progress: RebuildProgress) => void {
  let first: { readonly read: number; readonly atMs: number } | undefined;
  return ({ phase, read, total, behind }) => {
    first ??= { read, atMs: Date.now() };
    const perSecond = Math.round((read - first.read) / Math.max(1, (Date.now() - first.atMs) / 1_000));
    if (phase === 'filling') terminal.progress(read, total, `${number(read)} of ${number(total)} events, ${number(perSecond)} a second`);
    else if (phase === 'waiting')
      terminal.progress(read, total, `the copy waits for the consumer, which is ${number(behind)} events behind`);
    else terminal.progress(1, 1, 'comparing');
  };
}
