import { fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';

// The Confluent wire format: a zero byte, the schema id (4 bytes, big endian), the path to the message inside the schema
// file, the payload. A .proto file of ours holds exactly one event, so the path is always [0], which is written as one zero
// byte. https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
const MAGIC = 0;
const FIRST_MESSAGE = 0;
const HEADER_BYTES = 6;

/** Bytes that are not what they claim to be. */
export class UndecodableError extends Error {
  override name = 'UndecodableError';
}

/** Encodes a payload with its registry schema id, so that any tool with the registry can read it. */
export function encode<D extends DescMessage>(type: D, data: MessageShape<D>, schemaId: number): Buffer {
  const payload = toBinary(type, data);
  const framed = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  framed[0] = MAGIC;
  framed.writeUInt32BE(schemaId, 1);
  framed[5] = FIRST_MESSAGE;
  framed.set(payload, HEADER_BYTES);
  return framed;
}

/**
 * Decodes a framed payload with the descriptor the event type names; the registry is not asked.
 * @throws UndecodableError if the frame or the payload is broken
 */
export function decode<D extends DescMessage>(type: D, value: Buffer): MessageShape<D> {
  if (value.length < HEADER_BYTES || value[0] !== MAGIC) {
    throw new UndecodableError(
      `the value does not start with the schema frame (a zero byte and a schema id); it has ${value.length} bytes`,
    );
  }
  if (value[5] !== FIRST_MESSAGE) throw new UndecodableError('the schema frame points to a message that is not the first of its file');
  try {
    return fromBinary(type, value.subarray(HEADER_BYTES));
  } catch (error) {
    throw new UndecodableError(`the value is not a ${type.typeName}: ${(error as Error).message}`);
  }
}
