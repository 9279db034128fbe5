import { request, type IncomingMessage } from 'node:http';

export interface SeenEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A client of server-sent events that keeps everything it is sent. */
export class EventSourceUnderTest {
  text = '';
  /** Whether the server has ended the answer in order. */
  complete = false;
  closed = false;

  private constructor(private readonly message: IncomingMessage) {
    message.setEncoding('utf8');
    message.on('data', (chunk: string) => (this.text += chunk));
    message.on('end', () => (this.complete = true));
    message.on('error', () => undefined);
    message.on('close', () => (this.closed = true));
  }

  /** Resolves when the headers of the answer are there. */
  static async open(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<EventSourceUnderTest> {
    return new Promise((resolve, reject) => {
      request(url, { method, headers: { accept: 'text/event-stream', ...headers }, agent: false })
        .on('response', (message) => resolve(new EventSourceUnderTest(message)))
        .on('error', reject)
        .end();
    });
  }

  get status(): number | undefined {
    return this.message.statusCode;
  }

  header(name: string): string | undefined {
    return this.message.headers[name] as string | undefined;
  }

  get events(): SeenEvent[] {
    return this.text
      .split('\n\n')
      .filter((block) => block.includes('data:'))
      .map((block) => {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)![1]!;
        return { id: field('id'), event: field('event'), data: JSON.parse(field('data')) as Record<string, unknown> };
      });
  }

  /** Reads no more, as a client that hangs. */
  stopReading(): void {
    this.message.pause();
  }

  close(): void {
    this.message.destroy();
  }
}
