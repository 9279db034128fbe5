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
 * @returns the results, in order
 * @throws what PostgreSQL says of the first statement that fails
 */
export async function inOneRoundTrip(client: PoolClient, statements: readonly Bound[]): Promise<QueryResult[]> {
  return await new Promise((resolve, reject) => client.query(new RoundTrip(statements, resolve, reject)));
}

/** To pg this is one query; to PostgreSQL it is several. */
class RoundTrip {
  readonly #queries: readonly Answered[];
  readonly #results: QueryResult[] = [];
  /** Which of them is being answered. */
  #answered = 0;
  #unsendable: Error | undefined;

  constructor(
    statements: readonly Bound[],
    private readonly resolve: (results: QueryResult[]) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.#queries = statements.map(([{ name, text }, values], i) => {
      const callback = (error: Error | undefined, result: unknown) => {
        if (error) this.#unsendable ??= error;
        else this.#results[i] = result as QueryResult;
      };
      // Given as an object, they would be copied property by property.
      return Object.assign(new Query(text, values as unknown[], callback), { name }) as unknown as Answered;
    });
  }

  // By these pg keeps account of which statements a connection has parsed.
  get name(): string | undefined {
    return this.#queries[this.#answered]?.name;
  }
  get text(): string | undefined {
    return this.#queries[this.#answered]?.text;
  }

  submit(connection: Connection): null {
    // Written one by one, they would be some ten packets, or one of as many parts, which costs more than putting them together.
    const chunks: Buffer[] = [];
    const stream = { writable: true, cork: () => undefined, uncork: () => undefined, write: (chunk: Buffer) => chunks.push(chunk) };
    const collecting = Object.create(connection, { stream: { value: stream } }) as Connection;
    const withoutSync = Object.create(collecting, { sync: { value: () => undefined } }) as Connection;
    for (const query of this.#queries) {
      const error = query.submit(withoutSync);
      this.#unsendable ??= error ?? undefined;
      if (!this.#unsendable) continue;
      // What cannot be sent (a value that cannot be written down) must keep back what comes after it, a COMMIT above all. Its statement pg has closed.
      delete (connection as Prepared).parsedStatements[query.name];
      break;
    }
    collecting.sync();
    connection.stream.write(Buffer.concat(chunks));
    return null;
  }

  handleRowDescription(message: unknown): void {
    this.#queries[this.#answered]!.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.#queries[this.#answered]!.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: Connection): void {
    this.#queries[this.#answered]!.handleCommandComplete(message, connection);
    this.#answered += 1;
  }

  handleError(error: Error, connection: Prepared): void {
    // PostgreSQL has not looked at them, so the connection has to parse them yet.
    for (const { name } of this.#queries.slice(this.#answered)) delete connection.submittedNamedStatements[name];
    this.reject(error);
  }

  handleReadyForQuery(connection: Prepared): void {
    for (const query of this.#queries.slice(0, this.#answered)) query.handleReadyForQuery(connection);
    if (this.#unsendable) this.handleError(this.#unsendable, connection);
    else this.resolve(this.#results);
  }
}
