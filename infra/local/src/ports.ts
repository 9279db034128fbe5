import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Complaint } from './complaint';

const HOST = '127.0.0.1';

// Below the range from which systems take ports for outgoing connections: what is handed out there may be taken by a connection before
// whoever asked has started to listen, and Java takes seconds. Each process has a slice of its own, so that two do not choose the same one, nor the
// one of a service that is down for a moment.
const FIRST = 20_000;
const SLICE = 100;
const SLICES = 120;

let slice: number | undefined;
let taken = Math.floor(Math.random() * SLICE);

/**
 * A port nobody listens on right now, and which this process does not give out again soon.
 * @throws Complaint if there is none
 */
export async function freePort(): Promise<number> {
  slice ??= ownSlice();
  const first = FIRST + slice * SLICE;
  for (let tried = 0; tried < SLICE; tried += 1) {
    const port = first + (taken++ % SLICE);
    if (await canListen(port)) return port;
  }
  throw new Complaint(`None of ${SLICE} ports from ${first} on is free; stop what listens there.`);
}

/** A slice that no other living process has. */
function ownSlice(): number {
  for (let tried = 0; tried < SLICES; tried += 1) {
    const candidate = (process.pid + tried) % SLICES;
    if (claim(join(tmpdir(), `past-tense-ports-${candidate}`))) return candidate;
  }
  return process.pid % SLICES;
}

/** Makes a file that bears the id of this process, unless it bears that of another one that lives. */
function claim(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return takeOver(file);
  }
}

function takeOver(file: string): boolean {
  try {
    const holder = Number(readFileSync(file, 'utf8'));
    if (holder !== process.pid && lives(holder)) return false;
    writeFileSync(file, String(process.pid));
    return true;
  } catch {
    return false; // It is another user's.
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Checks that a port is free.
 * @param variable environment variable that chooses another one
 * @throws Complaint naming the port, what it is for and the remedy
 */
export async function requireFree(port: number, what: string, variable: string): Promise<void> {
  if (!(await canListen(port)))
    throw new Complaint(
      `Port ${port}, which ${what} needs, is taken by another program; stop that program or choose another port with ${variable}=<port> npm start.`,
    );
}

async function canListen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/** Whether something accepts connections on a port. */
export async function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
