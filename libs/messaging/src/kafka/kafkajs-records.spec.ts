import fc from 'fast-check';
import { createRequire } from 'node:module';
import type { RecordToEncode } from './kafkajs-records';

const load = createRequire(__filename);
type Decode = (decoder: object, context: object) => object;
type Encode = (record: RecordToEncode) => { readonly buffer: Buffer };

// Before it is replaced.
const original = load('kafkajs/src/protocol/recordBatch/record/v0') as Encode;
const originalDecode = load('kafkajs/src/protocol/recordBatch/record/v0/decoder') as Decode;
const Decoder = load('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => { offset: number; readVarIntBytes(): Buffer };
const { encodeRecord, decodeRecord } = jest.requireActual<{ encodeRecord: Encode; decodeRecord: Decode }>('./kafkajs-records');

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 40, maxLength: 300 }));
const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));
const whole = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 200 }), fc.integer({ min: -(2 ** 45), max: 2 ** 45 }));
const record = fc.record({
  offsetDelta: fc.nat(),
  timestampDelta: whole,
  key: fc.option(fc.oneof(text, bytes)),
  value: fc.option(fc.oneof(text, bytes)),
  headers: fc.dictionary(text, fc.oneof(text, bytes, fc.array(fc.oneof(text, bytes), { maxLength: 3 }))),
});

describe('a record', () => {
  it('is the same bytes as kafkajs makes of it', () => {
    fc.assert(
      fc.property(record, (one) => encodeRecord(one).buffer.equals(original(one).buffer)),
      { numRuns: 2_000 },
    );
    for (const timestampDelta of [0, 63, 64, -64, -65, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 41])
      expect(encodeRecord({ timestampDelta, value: 'x' }).buffer).toEqual(original({ timestampDelta, value: 'x' }).buffer);
    expect(encodeRecord({}).buffer).toEqual(original({}).buffer);
  });

  it('may have a header whose value is null, which kafkajs can read and not write', () => {
    expect([...encodeRecord({ value: 'v', headers: { h: null } }).buffer]).toEqual([20, 0, 0, 0, 1, 2, 118, 2, 2, 104, 1]);
  });

  it.each([{ value: 7 }, { key: {} }, { headers: { h: undefined } }, { headers: { h: 7 } }])('that is not one is refused: %j', (broken) => {
    expect(() => encodeRecord(broken as never)).toThrow(TypeError);
  });

  it('is the same to whoever reads it', () => {
    const context = { firstOffset: '9007199254740993', firstTimestamp: '1763740000000', magicByte: 2, timestampType: 0 };
    const read = (decode: Decode, { buffer }: { buffer: Buffer }) => {
      const decoder = new Decoder(new Decoder(buffer).readVarIntBytes());
      return { record: decode(decoder, context), offset: decoder.offset };
    };
    fc.assert(
      fc.property(record, (one) => {
        fc.pre(Object.keys(one.headers).every((name) => !(name in {})));
        expect(read(decodeRecord, encodeRecord(one))).toEqual(read(originalDecode, encodeRecord(one)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('may have headers with names that every object has', () => {
    const names = ['constructor', '__proto__', 'toString'];
    const headers = Object.fromEntries(names.map((name) => [name, [Buffer.from('1'), Buffer.from('2')]]));
    const { buffer } = encodeRecord({ value: 'v', headers });
    const read = decodeRecord(new Decoder(new Decoder(buffer).readVarIntBytes()), { firstOffset: '0', firstTimestamp: '0' });

    expect(Object.entries((read as { headers: object }).headers)).toEqual(Object.entries(headers));
  });

  it('is written and read so by kafkajs from now on', () => {
    expect(load('kafkajs/src/protocol/recordBatch/record/v0')).toBe(encodeRecord);
    expect(load('kafkajs/src/protocol/recordBatch/record/v0/decoder')).toBe(decodeRecord);
  });
});
