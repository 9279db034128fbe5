import { createRequire } from 'node:module';

// kafkajs 2.2.4 gives every header of a record that it writes a buffer of 512 bytes, zeroed, and every variable-length number an array; and every
// header of a record that it reads a copy of all headers before it. With sixteen headers that was most of what a record cost. Here a record is
// written into one buffer of its size and read in one go. What is written is the same, byte for byte, and so is what is read, but for names that every
// object has (`constructor`), of which kafkajs made an array with a function in it.
// https://github.com/tulios/kafkajs/tree/v2.2.4/src/protocol/recordBatch/record/v0

const load = createRequire(__filename);

type Bytes = Buffer | string | null | undefined;

/** A record as kafkajs hands it to its encoder. https://kafka.apache.org/documentation/#record */
export interface RecordToEncode {
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: Bytes;
  readonly value?: Bytes;
  readonly headers?: Readonly<Record<string, Bytes | readonly Bytes[]>>;
}

interface Encoder {
  buf: Buffer;
  offset: number;
}

const ENCODER = 'kafkajs/src/protocol/recordBatch/record/v0';
const DECODER = 'kafkajs/src/protocol/recordBatch/record/v0/decoder';
const { prototype: encoder } = load('kafkajs/src/protocol/encoder') as { prototype: Encoder };

/**
 * Encodes a record, as kafkajs's own function does.
 * @throws TypeError if key, value or header are neither text nor bytes nor null
 */
export function encodeRecord({ offsetDelta = 0, timestampDelta = 0, key, value, headers = {} }: RecordToEncode): Encoder {
  const pairs: Bytes[] = [];
  for (const name of Object.keys(headers)) {
    const of = headers[name];
    if (Array.isArray(of)) for (const one of of as readonly Bytes[]) pairs.push(name, one);
    else pairs.push(name, of as Bytes);
  }
  const count = pairs.length / 2;
  let size = 1 + sizeOfLong(timestampDelta) + sizeOfInt(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value) + sizeOfInt(count);
  for (let i = 0; i < pairs.length; i += 1) size += sizeOfBytes(i % 2 === 0 ? pairs[i] : header(pairs[i]));

  const buf = Buffer.allocUnsafe(sizeOfInt(size) + size);
  let at = writeInt(buf, 0, size);
  buf[at] = 0; // Attributes: none are in use.
  at = writeLong(buf, at + 1, timestampDelta);
  at = writeInt(buf, at, offsetDelta);
  at = writeBytes(buf, at, key);
  at = writeBytes(buf, at, value);
  at = writeInt(buf, at, count);
  for (const part of pairs) at = writeBytes(buf, at, part);
  return Object.assign(Object.create(encoder) as Encoder, { buf, offset: at });
}

/** kafkajs takes a header that is not there for a mistake. */
function header(value: Bytes): Bytes {
  if (value === undefined) throw new TypeError('The value of a header must be text, bytes or null.');
  return value;
}

function sizeOfBytes(value: Bytes): number {
  if (value === null || value === undefined) return 1;
  const length = typeof value === 'string' ? Buffer.byteLength(value) : bytes(value).length;
  return sizeOfInt(length) + length;
}

function writeBytes(buf: Buffer, at: number, value: Bytes): number {
  if (value === null || value === undefined) return writeInt(buf, at, -1);
  if (typeof value !== 'string') {
    const from = writeInt(buf, at, value.length);
    value.copy(buf, from);
    return from + value.length;
  }
  const length = Buffer.byteLength(value);
  const from = writeInt(buf, at, length);
  // Short text, such as an id, is written faster character by character than by a call to the outside.
  if (length === value.length && length < 48) for (let i = 0; i < length; i += 1) buf[from + i] = value.charCodeAt(i);
  else buf.write(value, from, length, 'utf8');
  return from + length;
}

function bytes(value: Buffer): Buffer {
  if (!Buffer.isBuffer(value)) throw new TypeError('Key, value and headers of a record must be text, bytes or null.');
  return value;
}

// Numbers are zigzag varints: https://protobuf.dev/programming-guides/encoding/#signed-ints
const zigzag = (value: number) => ((value << 1) ^ (value >> 31)) >>> 0;
const zigzagLong = (value: number) => BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
const isInt = (value: number) => value === (value | 0);

function sizeOfInt(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest > 0x7f; rest >>>= 7) size += 1;
  return size;
}

function sizeOfLong(value: number): number {
  if (isInt(value)) return sizeOfInt(value);
  let size = 1;
  for (let rest = zigzagLong(value); rest > 0x7fn; rest >>= 7n) size += 1;
  return size;
}

function writeInt(buf: Buffer, at: number, value: number): number {
  let rest = zigzag(value);
  for (; rest > 0x7f; rest >>>= 7) buf[at++] = (rest & 0x7f) | 0x80;
  buf[at++] = rest;
  return at;
}

function writeLong(buf: Buffer, at: number, value: number): number {
  if (isInt(value)) return writeInt(buf, at, value);
  let rest = zigzagLong(value);
  for (; rest > 0x7fn; rest >>= 7n) buf[at++] = Number(rest & 0x7fn) | 0x80;
  buf[at++] = Number(rest);
  return at;
}

/** What kafkajs reads from: a record, or what is left of it. */
interface Decoder {
  readonly buffer: Buffer;
  offset: number;
  readVarLong(): unknown;
}

interface Long {
  add(other: unknown): Long;
  toString(): string;
}

/** What is known of a batch. */
interface BatchContext {
  readonly firstOffset?: unknown;
  readonly firstTimestamp?: unknown;
  readonly magicByte?: number;
  readonly isControlBatch?: boolean;
  readonly timestampType?: number;
  readonly maxTimestamp?: unknown;
}

const long = load('kafkajs/src/utils/long') as { fromValue(value: unknown): Long };
const { LOG_APPEND_TIME } = load('kafkajs/src/protocol/timestampTypes') as { LOG_APPEND_TIME: number };

/** Decodes a record, as kafkajs's own function does. */
export function decodeRecord(decoder: Decoder, batchContext: BatchContext = {}): object {
  const { firstOffset, firstTimestamp, magicByte, isControlBatch = false, timestampType, maxTimestamp } = batchContext;
  const { buffer } = decoder;
  const attributes = buffer.readInt8(decoder.offset);
  decoder.offset += 1;
  const timestampDelta = decoder.readVarLong();
  const timestamp =
    timestampType === LOG_APPEND_TIME && maxTimestamp ? maxTimestamp : long.fromValue(firstTimestamp).add(timestampDelta).toString();
  const reading = { buffer, at: decoder.offset };
  const offset = long.fromValue(firstOffset).add(readInt(reading)).toString();
  const key = readBytes(reading);
  const value = readBytes(reading);
  const headers: Record<string, Buffer | null | (Buffer | null)[]> = {};
  for (let left = readInt(reading); left > 0; left -= 1) {
    const name = readText(reading);
    const one = readBytes(reading);
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before === undefined) {
      // An assignment to this name would give the object another prototype.
      if (name === '__proto__') Object.defineProperty(headers, name, { value: one, enumerable: true, writable: true, configurable: true });
      else headers[name] = one;
    } else if (Array.isArray(before)) before.push(one);
    else headers[name] = [before, one];
  }
  decoder.offset = reading.at;
  return { magicByte, attributes, timestamp, offset, key, value, headers, isControlRecord: isControlBatch, batchContext };
}

interface Reading {
  readonly buffer: Buffer;
  at: number;
}

function readInt(reading: Reading): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reading.buffer[reading.at++] ?? 0;
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
}

function readBytes(reading: Reading): Buffer | null {
  const length = readInt(reading);
  if (length < 0) return null;
  const from = reading.at;
  reading.at += length;
  return reading.buffer.subarray(from, reading.at);
}

/** Without a buffer in between, of which each event would need sixteen. */
function readText(reading: Reading): string {
  const length = readInt(reading);
  if (length < 0) return 'null'; // What kafkajs makes of it.
  const from = reading.at;
  reading.at += length;
  return reading.buffer.toString('utf8', from, reading.at);
}

/**
 * Puts the two functions above in the place of kafkajs's. Importing this file is enough, as long as nothing was sent or fetched before: kafkajs
 * loads what it does that with when it first does it.
 * @throws Error if kafkajs has changed so that this no longer fits
 */
function replaceCodec(): void {
  const encode = load(ENCODER) as (record: RecordToEncode) => { readonly buffer: Buffer };
  const decode = load(DECODER) as typeof decodeRecord;
  const Decoder = load('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => Decoder;
  const headers = { h: ['1', Buffer.from('2')] };
  const sample: RecordToEncode = { offsetDelta: 1, timestampDelta: 2, key: 'k', value: Buffer.from('v'), headers };
  const { buf, offset } = encodeRecord(sample);
  const record = buf.subarray(1, offset); // After its length.
  const context: BatchContext = { firstOffset: '5', firstTimestamp: '7', magicByte: 2 };
  const [theirs, ours] = [decode, decodeRecord].map((one) => JSON.stringify(one(new Decoder(record), context)));
  if (!encode(sample).buffer.equals(buf.subarray(0, offset)) || theirs !== ours)
    throw new Error(
      'kafkajs writes or reads records otherwise now; compare libs/messaging/src/kafka/kafkajs-records.ts with it, or remove that file.',
    );
  for (const [module, replacement] of [
    [ENCODER, encodeRecord],
    [DECODER, decodeRecord],
  ] as const)
    load.cache[load.resolve(module)]!.exports = replacement;
}

replaceCodec();
