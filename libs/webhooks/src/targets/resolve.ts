import { Resolver } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';

/**
 * Finds every address of a host name, IPv4 and IPv6.
 * @param signal ends the search
 */
export type Resolve = (hostname: string, signal: AbortSignal) => Promise<readonly LookupAddress[]>;

const TRY_MS = 1_000;
const TRIES = 2;
const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];
// What a DNS server answers if it has no address of this kind under a name.
const NONE = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * Looks names up in the DNS, as they are written: neither the hosts file nor search domains count. `localhost` and what ends with
 * `.localhost` is loopback, whatever the DNS says (RFC 6761, section 6.3).
 *
 * `dns.lookup` would do it on the threads that all look-ups of the process share: a few names whose DNS server never answers would hold
 * up those of databases and brokers.
 * @param servers addresses of DNS servers, `127.0.0.1:53`; by default those of the operating system
 */
export function inDns(servers?: readonly string[]): Resolve {
  return async (hostname, signal) => {
    if (/(^|\.)localhost$/i.test(hostname)) return LOOPBACK;
    // One for each look-up: cancelling ends everything that a resolver has under way.
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    if (servers) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const [ipv4, ipv6] = await Promise.all([orNone(resolver.resolve4(hostname)), orNone(resolver.resolve6(hostname))]);
      return [...ipv4.map((address) => ({ address, family: 4 })), ...ipv6.map((address) => ({ address, family: 6 }))];
    } finally {
      signal.removeEventListener('abort', cancel);
      // If one kind cannot be found out, the other is not waited for.
      cancel();
    }
  };
}

async function orNone(addresses: Promise<string[]>): Promise<string[]> {
  try {
    return await addresses;
  } catch (error) {
    if (NONE.has((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
