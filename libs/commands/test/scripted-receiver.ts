import { create, toBinary } from '@bufbuild/protobuf';
import { Metadata, Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { CancelShipmentResponseSchema, ShippingCommands } from '@past-tense/contracts';
import { serviceDefinition } from '../src/package-definition';
import { StatusError, statusOf } from '../src/status';
import { SHIPMENT } from './shipping';

/** An answer to give: a status, a status of somebody who is not our server, or none at all. */
export type Scripted = 'OK' | 'silence' | StatusError | { readonly code: status };

/** A receiver that answers what it is told to, call by call; the last answer is given again and again. */
export class ScriptedReceiver {
  readonly calls: { readonly commandId: string; readonly metadata: Metadata; readonly at: number }[] = [];
  script: Scripted[] = ['OK'];

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(port = 0, credentials = ServerCredentials.createInsecure()): Promise<ScriptedReceiver> {
    const server = new Server();
    const bound = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => (error ? reject(error) : resolve(at))),
    );
    const receiver = new ScriptedReceiver(server, bound);
    const answer = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => receiver.#answer(call, callback);
    server.addService(serviceDefinition(ShippingCommands), { CancelShipment: answer, ChangeDeliveryAddress: answer });
    return receiver;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get commandIds(): string[] {
    return this.calls.map(({ commandId }) => commandId);
  }

  stop(): void {
    this.server.forceShutdown();
  }

  #answer({ metadata }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
    this.calls.push({ commandId: String(metadata.get('command-id')[0]), metadata, at: Date.now() });
    const next = this.script.length > 1 ? this.script.shift()! : this.script[0]!;
    if (next === 'silence') return;
    if (next === 'OK')
      callback(null, Buffer.from(toBinary(CancelShipmentResponseSchema, create(CancelShipmentResponseSchema, { shipmentId: SHIPMENT }))));
    else if (next instanceof StatusError) callback(statusOf(next));
    else callback({ code: next.code, details: 'a proxy says so', metadata: new Metadata() });
  }
}
