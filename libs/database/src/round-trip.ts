import { Query, type Connection, type PoolClient, type QueryResult } from 'pg';
import type { Statement } from './transaction';

/** A statement and what it is run with. */
export type Bound = readonly [statement: Statement, values: readonly unknown[]];

/** A query of pg with what its client calls, which the types leave out. */
interface Answered {
  readonly name: string;
  readonly text: string;
  submit(connection: Connection): Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
  handleReadyForQuery(connection: Connection): void;
}

interface Prepared extends Connection {
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements: Record<string, string>;
}

/**
 * Sends several prepared statements at once and waits once for all of their answers. pg ends every query with a Sync; here only the last has one,
 * and PostgreSQL runs nothing between a statement that fails and the next Sync. So what follows a BEGIN that fails is not run without it, and a
 * COMMIT behind a statement that fails is not run at all.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 * @returns the result of the last one
 * @throws what PostgreSQL says of the first statement that fails
 */
export async function inOneRoundTrip(client: PoolClient, statements: readonly Bound[]): Promise<QueryResult> {
  return await new Promise((resolve, reject) => client.query(new RoundTrip(statements, resolve, reject)));
}

/** To pg this is one query; to PostgreSQL it is several. */
class RoundTrip {
  readonly #unheard: readonly Unheard[];
  readonly #last: Answered;
  /** How many of them have been answered. */
  #answered = 0;
  #result: QueryResult | undefined;
  #unsendable: Error | undefined;

  constructor(
    statements: readonly Bound[],
    private readonly resolve: (result: QueryResult) => void,
    private readonly reject: (error: Error) => void,
  ) {
    const unsendable = (error: Error | undefined) => (this.#unsendable ??= error);
    const [{ name, text }, values] = statements.at(-1)!;
    // Given as an object, it would be copied property by property.
    const last = new Query(text, values as unknown[], (error: Error | undefined, result: QueryResult) => {
      unsendable(error);
      this.#result = result;
    });
    this.#last = Object.assign(last, { name }) as unknown as Answered;
    this.#unheard = statements.slice(0, -1).map((statement) => new Unheard(statement, unsendable));
  }

  // By these pg keeps account of which statements a connection has parsed.
  get name(): string {
    return this.#now.name;
  }
  get text(): string {
    return this.#now.text;
  }

  get #now(): Unheard | Answered {
    return this.#unheard[this.#answered] ?? this.#last;
  }

  submit(connection: Connection): null {
    const collector = collectorOf(connection);
    for (const query of [...this.#unheard, this.#last]) {
      const error = query.submit(query === this.#last ? collector.heard : collector.unheard);
      this.#unsendable ??= error ?? undefined;
      if (!this.#unsendable) continue;
      // What cannot be sent (a value that cannot be written down) must keep back what comes after it, a COMMIT above all. Its statement pg has closed.
      delete (connection as Prepared).parsedStatements[query.name];
      break;
    }
    connection.stream.write(collector.take());
    return null;
  }

  handleRowDescription(message: unknown): void {
    if (this.#now === this.#last) this.#last.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    if (this.#now === this.#last) this.#last.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#now === this.#last) this.#last.handleCommandComplete(message, connection);
    this.#answered += 1;
  }

  handleError(error: Error, connection: Prepared): void {
    // PostgreSQL has not looked at them, so the connection has to parse them yet.
    for (const { name } of [...this.#unheard, this.#last].slice(this.#answered)) delete connection.submittedNamedStatements[name];
    this.reject(error);
  }

  handleReadyForQuery(connection: Prepared): void {
    if (this.#answered > this.#unheard.length) this.#last.handleReadyForQuery(connection);
    if (this.#unsendable) this.handleError(this.#unsendable, connection);
    else this.resolve(this.#result!);
  }
}

/** A statement of which nobody wants to know more than whether it fails. A query of pg would listen for events and keep account of a result. */
class Unheard {
  declare readonly submit: Answered['submit'];
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly portal = '';

  /** @param callback told if it cannot be sent */
  constructor(
    [{ name, text }, values]: Bound,
    readonly callback: (error: Error | undefined) => void,
  ) {
    this.name = name;
    this.text = text;
    this.values = values;
  }
}
// It is sent as pg sends its queries.
Object.setPrototypeOf(Unheard.prototype, Query.prototype as object);

/** Puts together what pg writes one by one: that would be some ten packets, or one of as many parts, which costs more. */
interface Collector {
  /** A connection to which everything is written but a Sync. */
  readonly heard: Connection;
  /** The same for statements whose rows nobody wants: they are not described either. */
  readonly unheard: Connection;
  /** What was written, and a Sync. */
  take(): Buffer;
}

const collectors = new WeakMap<Connection, Collector>();

function collectorOf(connection: Connection): Collector {
  const known = collectors.get(connection) ?? collectorFor(connection);
  collectors.set(connection, known);
  return known;
}

function collectorFor(connection: Connection): Collector {
  let chunks: Buffer[] = [];
  const nothing = { value: () => undefined };
  const stream = { writable: true, cork: () => undefined, uncork: () => undefined, write: (chunk: Buffer) => chunks.push(chunk) };
  const collecting = Object.create(connection, { stream: { value: stream } }) as Connection;
  const heard = Object.create(collecting, { sync: nothing }) as Connection;
  const unheard = Object.create(heard, { describe: nothing }) as Connection;
  const take = () => {
    collecting.sync();
    const bytes = Buffer.concat(chunks);
    chunks = [];
    return bytes;
  };
  return { heard, unheard, take };
}
