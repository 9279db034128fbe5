import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { isIn, isPublic } from './public-address';
import { inDns, type Resolve } from './resolve';

/** A target that may be called, with the addresses that were checked. Only these may be connected to. */
export interface Target {
  readonly url: URL;
  readonly addresses: readonly [LookupAddress, ...LookupAddress[]];
}

/** What is told about a target that is refused: nothing about what its name resolves to or what answers there. */
export const TARGET_REFUSED = 'the target is not allowed';

/** A target that must not be called. The message is safe to send back; the reason is for the operator's log only. */
export class TargetRefusedError extends Error {
  override name = 'TargetRefusedError';
  constructor(readonly reason: string) {
    super(TARGET_REFUSED);
  }
}

const MAX_LENGTH = 2048;
const HTTPS_PORT = 443;
const FIRST_UNPRIVILEGED_PORT = 1024;
const RESOLVE_TIMEOUT_MS = 5_000;

/** What is wrong with the form of a target, whatever its name resolves to; undefined if nothing is. */
export function malformed(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  if (!URL.canParse(text)) return 'must be an https address';
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) return 'must be an https address';
  if (url.href.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  if (url.username || url.password) return 'must not contain a user name or a password';
  if (text.includes('#')) return 'must not have a fragment';
  if (url.hostname.endsWith('.')) return 'must not have a host name that ends with a dot';
  return undefined;
}

/** Decides which addresses on the network may be called for others: no server-side request forgery (CWE-918). */
export class Targets {
  readonly #allowedNetworks: readonly string[];
  readonly #resolve: Resolve;

  /**
   * @param allowedNetworks CIDRs that need not be public; to these, plain HTTP and any port are allowed as well
   * @param resolve by default asks the DNS
   */
  constructor({ allowedNetworks = [], resolve = inDns() }: { allowedNetworks?: readonly string[]; resolve?: Resolve } = {}) {
    this.#allowedNetworks = allowedNetworks;
    this.#resolve = resolve;
  }

  /**
   * Checks a target and resolves its name. Every address must be public or in an allowed network; a name with one good and one bad
   * address is refused. Public targets need https and port 443 or one from 1024 on.
   * @param signal ends the wait for the name; by default after five seconds
   * @throws TargetRefusedError if it must not be called, or its name resolves to nothing in time
   */
  async check(text: string, signal = AbortSignal.timeout(RESOLVE_TIMEOUT_MS)): Promise<Target> {
    const reason = malformed(text);
    if (reason) throw new TargetRefusedError(reason);
    const url = new URL(text);
    const addresses = await this.#addressesOf(url.hostname.replace(/^\[|\]$/g, ''), signal);
    const [first, ...others] = addresses;
    if (!first) throw new TargetRefusedError('the name has no address');
    if (addresses.every(({ address }) => isIn(this.#allowedNetworks, address))) return { url, addresses: [first, ...others] };
    if (url.protocol !== 'https:') throw new TargetRefusedError('plain HTTP is for allowed networks only');
    const port = Number(url.port || HTTPS_PORT);
    if (port !== HTTPS_PORT && port < FIRST_UNPRIVILEGED_PORT) throw new TargetRefusedError('the port is not allowed');
    const bad = addresses.find(({ address }) => !isPublic(address) && !isIn(this.#allowedNetworks, address));
    if (bad) throw new TargetRefusedError(`${bad.address} is not public`);
    return { url, addresses: [first, ...others] };
  }

  async #addressesOf(hostname: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const family = isIP(hostname);
    if (family > 0) return [{ address: hostname, family }];
    const late = new TargetRefusedError('the name was not resolved in time');
    if (signal.aborted) throw late;
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(late), { once: true }));
    try {
      return await Promise.race([aborted, this.#resolve(hostname, signal)]);
    } catch (error) {
      if (error instanceof TargetRefusedError) throw error;
      // Whether a name exists is not told either: a name of somebody else could point to one of ours.
      throw new TargetRefusedError(`the name cannot be resolved (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
  }
}
