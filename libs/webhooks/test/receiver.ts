import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A call as it came in. */
export interface ReceivedCall {
  readonly id: string;
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real receiver on 127.0.0.1 that answers as a test wants it to. */
export class Receiver {
  readonly calls: ReceivedCall[] = [];
  /** Calls that have not been answered, and the most there were at once. */
  open = 0;
  mostOpen = 0;

  private constructor(
    private readonly server: Server,
    public answer: (response: ServerResponse, call: ReceivedCall) => void,
  ) {}

  static async start(answer: Receiver['answer'] = (response) => void response.writeHead(204).end()): Promise<Receiver> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const call = {
          id: String(request.headers['webhook-id']),
          method: request.method,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        receiver.open += 1;
        receiver.mostOpen = Math.max(receiver.mostOpen, receiver.open);
        response.on('close', () => (receiver.open -= 1));
        receiver.calls.push(call);
        receiver.answer(response, call);
      });
    });
    const receiver = new Receiver(server, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Whether a receiver that knows this secret believes a call. */
export function believes(secret: string, { headers, body }: ReceivedCall): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
