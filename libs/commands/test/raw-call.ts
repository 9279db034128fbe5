import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, StatusSchema } from '@past-tense/contracts';

/** What a client without any of our code sees of a call. */
export interface RawAnswer {
  readonly code: string;
  readonly details: string;
  readonly reason?: string | undefined;
  readonly fields?: readonly string[];
  readonly retryAfter?: string;
  readonly response?: string | undefined;
}

export interface RawCall {
  readonly path?: string;
  readonly body: Uint8Array;
  readonly metadata: Record<string, string | undefined>;
  readonly timeoutMs?: number;
  /** Hangs up when it is aborted. */
  readonly hangUp?: AbortSignal;
}

/** A gRPC client as somebody else would write it: bytes and metadata. */
export class RawClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  call({ path = '/shipping.v1.ShippingCommands/CancelShipment', body, metadata, timeoutMs, hangUp }: RawCall): Promise<RawAnswer> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) if (value !== undefined) sent.set(name, value);
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const same = (bytes: Buffer) => bytes;
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(path, same, same, Buffer.from(body), sent, options, (error, response) => {
        if (!error) return resolve({ code: 'OK', details: '', response: response!.toString('hex') });
        const [details] = error.metadata?.get('grpc-status-details-bin') ?? [];
        const { details: parts } = fromBinary(StatusSchema, (details as Buffer | undefined) ?? new Uint8Array());
        const info = parts.map((part) => anyUnpack(part, ErrorInfoSchema)).find(Boolean);
        const fields = parts.flatMap((part) => anyUnpack(part, BadRequestSchema)?.fieldViolations ?? []).map(({ field }) => field);
        const plain = error.metadata?.get('reason')[0];
        if (info && info.reason !== plain) throw new Error(`two reasons: ${info.reason} and ${String(plain)}`);
        const retryAfter = error.metadata?.get('retry-after')[0] as string | undefined;
        resolve({
          code: status[error.code],
          details: error.details,
          reason: info?.reason,
          ...(fields.length > 0 && { fields }),
          ...(retryAfter && { retryAfter }),
        });
      });
      hangUp?.addEventListener('abort', () => call.cancel());
    });
  }

  /** Asks server reflection one thing, already encoded, and returns the bytes of its answer as text. */
  async reflect(request: Uint8Array): Promise<string> {
    const same = (bytes: Buffer) => bytes;
    const stream = this.#client.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', same, same);
    stream.end(Buffer.from(request));
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    return Buffer.concat(parts).toString('latin1');
  }

  close(): void {
    this.#client.close();
  }
}
