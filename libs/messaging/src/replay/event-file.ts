import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, renameSync, truncateSync } from 'node:fs';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { StoredMessage } from '../kafka/read-topic';
import { NOTHING_READ, readOn, type FileDescription, type ReadSoFar, type ReplaySource, type TopicsDescription } from './source';

// One JSON text a line (https://jsonlines.org). The first says what the file is, the last how many events it holds, so that one that was cut off is
// seen; between them there is a line for each event. docs/how-to/replay-events.md is the reference.
const FORMAT = 'past-tense-events';
const VERSION = 1;
const BATCH = 500;

interface Head {
  readonly format: string;
  readonly version: number;
  readonly topics: readonly string[];
  readonly from: string;
  readonly to: string;
}

interface EventLine {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** UTC. */
  readonly publishedAt: string;
  /** Base64, as are value and the headers' values. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

/** A file of events cannot be used. */
export class EventFileError extends Error {
  override name = 'EventFileError';
}

/** Events that were exported to a file. */
export class EventFile implements ReplaySource {
  constructor(readonly description: FileDescription) {}

  /**
   * Looks through a file, whole.
   * @param choice which of its events count: those of some topics (all, if there are none) from one moment on and before another one, milliseconds
   *   since 1970, which may be infinite
   * @throws EventFileError naming the line at which it is not what it should be
   */
  static async open(
    file: string,
    choice: { readonly topics: readonly string[]; readonly fromMs: number; readonly toMs: number },
  ): Promise<EventFile> {
    if (!existsSync(file)) throw new EventFileError(`There is no file ${file}.`);
    const topics = new Set<string>();
    for await (const messages of messagesIn(file)) for (const { topic } of messages) topics.add(topic);
    return new EventFile({
      kind: 'file',
      file,
      sha256: await sha256Of(file),
      topics: [...topics].filter((topic) => choice.topics.length === 0 || choice.topics.includes(topic)).sort(),
      ...(Number.isFinite(choice.fromMs) && { from: new Date(choice.fromMs).toISOString() }),
      ...(Number.isFinite(choice.toMs) && { to: new Date(choice.toMs).toISOString() }),
    });
  }

  /** @throws EventFileError if the file is another one than the one that was opened first */
  async *read({ messages: skipped }: ReadSoFar): AsyncGenerator<readonly StoredMessage[]> {
    const { file, sha256 } = this.description;
    if (!existsSync(file) || (await sha256Of(file)) !== sha256)
      throw new EventFileError(`${file} is not the file any more with which the replay began; put that one back, or cancel the replay.`);
    let passed = 0;
    for await (const messages of messagesIn(file)) {
      const counted = messages.filter((message) => this.#counts(message));
      const left = counted.slice(Math.max(0, skipped - passed));
      passed += counted.length;
      if (left.length > 0) yield left;
    }
  }

  #counts({ topic, timestampMs }: StoredMessage): boolean {
    const { topics, from, to } = this.description;
    if (from !== undefined && timestampMs < Date.parse(from)) return false;
    return topics.includes(topic) && (to === undefined || timestampMs < Date.parse(to));
  }
}

/**
 * Writes events to a file, readable by its owner only. What a process that was killed has left goes on where it ended; the file gets its name when it is
 * whole.
 * @param progress told how many events it holds so far
 * @returns how many events it holds
 */
export async function exportEvents(
  source: ReplaySource & { readonly description: TopicsDescription },
  file: string,
  progress: (events: number) => void,
): Promise<number> {
  const { topics, from, to } = source.description;
  const head: Head = { format: FORMAT, version: VERSION, topics, from, to };
  const part = `${file}.part`;
  let done = existsSync(part) ? await readPart(part, head) : undefined;
  const out = createWriteStream(part, { flags: done ? 'a' : 'w', mode: 0o600 });
  const write = async (line: object) => {
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain');
  };
  if (!done) await write(head);
  done ??= NOTHING_READ;
  for await (const messages of source.read(done)) {
    for (const message of messages) await write(lineOf(message));
    done = readOn(done, messages);
    progress(done.messages);
  }
  await write({ events: done.messages });
  out.end();
  await once(out, 'finish');
  renameSync(part, file);
  return done.messages;
}

/** How far a file has got that was not finished; what comes after its last whole line is cut off. Undefined if it is of something else. */
async function readPart(part: string, head: Head): Promise<ReadSoFar | undefined> {
  let done: ReadSoFar | undefined;
  let bytes = 0;
  for await (const { line, whole } of linesOf(part)) {
    if (!whole) break;
    if (done === undefined) {
      if (line !== JSON.stringify(head)) return undefined;
      done = NOTHING_READ;
    } else {
      const event = eventIn(line);
      if (event === undefined) break;
      done = readOn(done, [messageOf(event)]);
    }
    bytes += Buffer.byteLength(line) + 1;
  }
  if (done) truncateSync(part, bytes);
  return done;
}

/** The event that a line of our own is, if it is one. */
function eventIn(line: string): EventLine | undefined {
  try {
    const event = JSON.parse(line) as Partial<EventLine>;
    return event.topic === undefined ? undefined : (event as EventLine);
  } catch {
    return undefined;
  }
}

async function* messagesIn(file: string): AsyncGenerator<StoredMessage[]> {
  let number = 0;
  let events = 0;
  let end: number | undefined;
  let batch: StoredMessage[] = [];
  for await (const { line } of linesOf(file)) {
    number += 1;
    const read = parse(file, number, line);
    if (end !== undefined) throw new EventFileError(`${file} goes on after its end in line ${number - 1}; export it again.`);
    if (number === 1) requireHead(file, read);
    else if ('events' in read) end = Number(read.events);
    else {
      batch.push(parseEvent(file, number, read));
      events += 1;
    }
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (end !== events) throw new EventFileError(`${file} was cut off after ${events} events; export it again.`);
  if (batch.length > 0) yield batch;
}

async function* linesOf(file: string): AsyncGenerator<{ line: string; whole: boolean }> {
  // A last line without its end is only half a line; the reader does not tell, so it is looked at the file.
  const whole = await endsWithNewline(file);
  let before: string | undefined;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (before !== undefined) yield { line: before, whole: true };
    before = line;
  }
  if (before !== undefined) yield { line: before, whole };
}

async function endsWithNewline(file: string): Promise<boolean> {
  const { size } = await stat(file);
  if (size === 0) return false;
  const end = createReadStream(file, { start: size - 1 }) as AsyncIterable<Buffer>;
  for await (const last of end) return last[0] === 0x0a;
  return false;
}

function parse(file: string, number: number, line: string): object {
  try {
    const read: unknown = JSON.parse(line);
    if (typeof read === 'object' && read !== null) return read;
  } catch {
    // It is said below.
  }
  throw new EventFileError(`Line ${number} of ${file} is not JSON; export it again.`);
}

function requireHead(file: string, { format, version }: Partial<Head>): void {
  if (format !== FORMAT) throw new EventFileError(`${file} is not a file of events: its first line does not say so.`);
  if (version !== VERSION)
    throw new EventFileError(`${file} has version ${version} of its format, and this is version ${VERSION}; export it again.`);
}

function parseEvent(file: string, number: number, read: object): StoredMessage {
  const { topic, partition, offset, publishedAt, key, value, headers } = read as Partial<EventLine>;
  const isText = (text: unknown) => text === null || typeof text === 'string';
  const right =
    typeof topic === 'string' &&
    Number.isSafeInteger(partition) &&
    /^\d{1,18}$/.test(String(offset)) &&
    !Number.isNaN(Date.parse(String(publishedAt))) &&
    isText(key) &&
    isText(value) &&
    Array.isArray(headers) &&
    headers.every((header) => Array.isArray(header) && typeof header[0] === 'string' && isText(header[1]));
  if (!right) throw new EventFileError(`Line ${number} of ${file} is not an event; export it again.`);
  return messageOf(read as EventLine);
}

function lineOf({ topic, partition, offset, timestampMs, key, value, headers }: StoredMessage): EventLine {
  const base64 = (bytes: Buffer | string | null) => (bytes === null ? null : Buffer.from(bytes).toString('base64'));
  const pairs = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((one) => [name, base64(one ?? null)] as const));
  const publishedAt = new Date(timestampMs).toISOString();
  return { topic, partition, offset, publishedAt, key: base64(key), value: base64(value), headers: pairs };
}

function messageOf({ topic, partition, offset, publishedAt, key, value, headers }: EventLine): StoredMessage {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text, 'base64'));
  const merged: Record<string, Buffer | null | (Buffer | null)[]> = {};
  for (const [name, text] of headers) {
    const [before, one] = [merged[name], bytes(text)];
    merged[name] = before === undefined ? one : [...(Array.isArray(before) ? before : [before]), one];
  }
  // A header may have no value, which the types of the client do not know.
  const values = merged as StoredMessage['headers'];
  return { topic, partition, offset, timestampMs: Date.parse(publishedAt), key: bytes(key), value: bytes(value), headers: values };
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
