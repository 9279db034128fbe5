import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import ipaddr from 'ipaddr.js';

/** What is asked: a name and a kind of address. */
export interface Question {
  readonly name: string;
  readonly type: 'A' | 'AAAA';
}

/** Addresses (none is an answer too), an error by its code (RFC 1035, section 4.1.1), or silence. */
export type DnsAnswer = readonly string[] | 'SERVFAIL' | 'NXDOMAIN' | 'silence';

const HEADER_BYTES = 12;
const TYPES: Record<number, Question['type']> = { 1: 'A', 28: 'AAAA' };
const TTL_S = 60;

/** A real DNS server on 127.0.0.1 that answers as a test wants it to. */
export class DnsServer {
  readonly questions: Question[] = [];

  private constructor(
    private readonly socket: Socket,
    public answer: (question: Question) => DnsAnswer,
  ) {
    socket.on('message', (message, from) => this.#receive(message, from));
  }

  static async start(answer: DnsServer['answer']): Promise<DnsServer> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new DnsServer(socket, answer);
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.close(resolve));
  }

  #receive(message: Buffer, from: RemoteInfo): void {
    const { question, end } = questionIn(message);
    this.questions.push(question);
    const answer = this.answer(question);
    if (answer === 'silence') return;
    const code = answer === 'SERVFAIL' ? 2 : answer === 'NXDOMAIN' ? 3 : 0;
    const records = typeof answer === 'string' ? [] : answer.map((address) => recordOf(message.subarray(end - 4, end), address));
    const header = Buffer.alloc(HEADER_BYTES);
    message.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    this.socket.send(Buffer.concat([header, message.subarray(HEADER_BYTES, end), ...records]), from.port, from.address);
  }
}

function questionIn(message: Buffer): { question: Question; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { question: { name: labels.join('.'), type: TYPES[message.readUInt16BE(at + 1)]! }, end: at + 5 };
}

/** @param kind the type and the class that were asked for */
function recordOf(kind: Buffer, address: string): Buffer {
  const bytes = ipaddr.parse(address).toByteArray();
  const lifeAndLength = Buffer.alloc(6);
  lifeAndLength.writeUInt32BE(TTL_S, 0);
  lifeAndLength.writeUInt16BE(bytes.length, 4);
  // The name is the one in the question, 12 bytes from the start.
  return Buffer.concat([Buffer.from([0xc0, HEADER_BYTES]), kind, lifeAndLength, Buffer.from(bytes)]);
}
