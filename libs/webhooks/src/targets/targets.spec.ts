import type { LookupAddress } from 'node:dns';
import { isPublic } from './public-address';
import type { Resolve } from './resolve';
import { TARGET_REFUSED, TargetRefusedError, Targets } from './targets';

const HOSTS: Record<string, string[]> = {
  'example.com': ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
  'v4.example.com': ['93.184.215.14'],
  'mixed.example.com': ['93.184.215.14', '10.0.0.1'],
  'mixed6.example.com': ['93.184.215.14', 'fd00::1'],
  'intranet.example.com': ['10.0.0.5'],
  'mapped.example.com': ['::ffff:10.0.0.5'],
  'nothing.example.com': [],
  localhost: ['127.0.0.1', '::1'],
  'localhost.': ['127.0.0.1'],
  'app.localhost': ['127.0.0.1'],
  'localtest.example.com': ['127.0.0.1'],
  'metadata.google.internal': ['169.254.169.254'],
  'azure.example.com': ['168.63.129.16'],
  'scoped.example.com': ['fe80::1%eth0'],
};
const resolve: Resolve = async (hostname) => {
  const found = HOSTS[hostname];
  if (!found) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
  return found.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
};
const targets = new Targets({ resolve });

const REFUSED = [
  // Loopback, in every notation a URL may have
  'https://127.0.0.1/',
  'https://127.1/',
  'https://127.0.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://0177.0.0.1/',
  'https://017700000001/',
  'https://127.255.255.254/',
  'https://%31%32%37.0.0.1/',
  'https://127。0。0。1/',
  'https://127.0.0.1/',
  'https://[::1]/',
  'https://[0:0:0:0:0:0:0:1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[0:0:0:0:0:ffff:127.0.0.1]/',
  'https://[::127.0.0.1]/',
  'https://127.0.0.1./',
  // Private, local, shared
  'https://10.0.0.1/',
  'https://10.255.255.255/',
  'https://172.16.0.1/',
  'https://172.31.255.255/',
  'https://192.168.1.1/',
  'https://0xc0a80101/',
  'https://3232235777/',
  'https://100.64.0.1/',
  'https://100.100.100.200/',
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/',
  'https://[::ffff:169.254.169.254]/',
  'https://[fd00:ec2::254]/',
  'https://[fd20:ce::254]/',
  'https://192.0.0.192/',
  'https://168.63.129.16/',
  'https://0xa83f8110/',
  'https://[::ffff:168.63.129.16]/',
  'https://azure.example.com/',
  'https://[fc00::1]/',
  'https://[fe80::1]/',
  'https://[fec0::1]/',
  // Nowhere, everywhere, reserved, documentation
  'https://0.0.0.0/',
  'https://0/',
  'https://0.1.2.3/',
  'https://[::]/',
  'https://255.255.255.255/',
  'https://224.0.0.1/',
  'https://239.255.255.255/',
  'https://240.0.0.1/',
  'https://192.0.0.1/',
  'https://192.0.2.1/',
  'https://192.88.99.1/',
  'https://198.18.0.1/',
  'https://198.51.100.1/',
  'https://203.0.113.1/',
  'https://[ff02::1]/',
  'https://[2001:db8::1]/',
  'https://[3fff::1]/',
  'https://[100::1]/',
  'https://[5f00::1]/',
  // Tunnels and translations to IPv4
  'https://[64:ff9b::7f00:1]/',
  'https://[64:ff9b:1::a00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
  'https://[::ffff:0:127.0.0.1]/',
  'https://[::a00:1]/',
  // Names
  'https://localhost/',
  'https://LOCALHOST/',
  'https://localhost./',
  'https://app.localhost/',
  'https://localtest.example.com/',
  'https://intranet.example.com/',
  'https://mapped.example.com/',
  'https://mixed.example.com/',
  'https://mixed6.example.com/',
  'https://nothing.example.com/',
  'https://unknown.example.com/',
  'https://scoped.example.com/',
  'https://metadata.google.internal/',
  'https://example.com./',
  // Users, fragments, schemes, ports, lengths
  'https://user@example.com/',
  'https://user:password@example.com/',
  'https://:password@example.com/',
  'https://example.com@127.0.0.1/',
  'https://127.0.0.1\\@example.com/',
  'https://example.com#@127.0.0.1/',
  'https://example.com/#',
  'http://example.com/',
  'http://127.0.0.1/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_FLUSHALL',
  'javascript:alert(1)',
  'data:text/plain,hello',
  '//example.com/',
  'example.com',
  '',
  'https://',
  'https://example.com:22/',
  'https://example.com:25/',
  'https://example.com:80/',
  'https://example.com:1023/',
  'https://example.com:0/',
  'https://example.com:65536/',
  `https://example.com/${'a'.repeat(2048)}`,
  `https://example.com/${'ä'.repeat(1000)}`,
];

describe('a target', () => {
  it.each(REFUSED)('%s is refused, in the same words as any other', async (url) => {
    const refusal = await targets.check(url).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(TargetRefusedError);
    expect((refusal as Error).message).toBe(TARGET_REFUSED);
  });

  it.each([
    'https://example.com/webhooks?a=b',
    'https://EXAMPLE.com',
    'https://example.com:443/',
    'https://example.com:8443/',
    'https://example.com:65535/',
    'https://v4.example.com/',
    'https://93.184.215.14/',
    'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/',
    'https://172.32.0.1/',
    'https://168.63.129.17/',
    'https://example.com\\@127.0.0.1/',
  ])('%s is allowed', async (url) => {
    const target = await targets.check(url);

    expect(target.addresses.every(({ address }) => isPublic(address))).toBe(true);
  });

  it('comes with every address that was checked, and no other', async () => {
    expect((await targets.check('https://example.com/')).addresses.map(({ address }) => address)).toEqual(HOSTS['example.com']);
  });

  it('is checked anew each time: a name may mean something else by now', async () => {
    const answers = [['93.184.215.14'], ['127.0.0.1']];
    const rebinding = new Targets({ resolve: async () => answers.shift()!.map((address) => ({ address, family: 4 })) });

    await rebinding.check('https://rebinding.example.com/');
    await expect(rebinding.check('https://rebinding.example.com/')).rejects.toThrow(TARGET_REFUSED);
  });

  it('whose name is never resolved is refused when the time is over', async () => {
    const silent = new Targets({ resolve: () => new Promise(() => undefined) });
    const call = new AbortController();
    const checked = silent.check('https://example.com/', call.signal);
    call.abort();

    await expect(checked).rejects.toThrow(TARGET_REFUSED);
    await expect(silent.check('https://example.com/', call.signal)).rejects.toThrow(TARGET_REFUSED);
  });
});

describe('an allowed network', () => {
  const local = new Targets({ allowedNetworks: ['127.0.0.0/8', 'fd00::/8'], resolve });

  it.each([
    'http://127.0.0.1:80/',
    'http://127.0.0.1:22/',
    'https://127.0.0.1/',
    'http://[::ffff:127.0.0.1]:8080/',
    'http://[fd00::1]/',
    'http://app.localhost/',
  ])('allows %s', async (url) => {
    expect((await local.check(url)).url.href).toBe(new URL(url).href);
  });

  it.each([
    'http://example.com/',
    'http://localhost/', // Its other address is not in the network.
    'http://10.0.0.1/',
    'https://10.0.0.1/',
    'http://[::1]/',
    'https://mixed.example.com/',
    'http://mixed6.example.com/',
    'https://example.com:22/',
    'http://user@127.0.0.1/',
  ])('does not allow %s', async (url) => {
    await expect(local.check(url)).rejects.toThrow(TARGET_REFUSED);
  });
});
