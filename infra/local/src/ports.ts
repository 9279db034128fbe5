import { connect, createServer } from 'node:net';
import { Complaint } from './complaint';

const HOST = '127.0.0.1';

/** A port nobody listens on right now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/**
 * Checks that a port is free.
 * @param variable environment variable that chooses another one
 * @throws Complaint naming the port, what it is for and the remedy
 */
export async function requireFree(port: number, what: string, variable: string): Promise<void> {
  const taken = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(port, HOST, () => server.close(() => resolve(false)));
  });
  if (taken)
    throw new Complaint(
      `Port ${port}, which ${what} needs, is taken by another program; stop that program or choose another port with ${variable}=<port> npm start.`,
    );
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
