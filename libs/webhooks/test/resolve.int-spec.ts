import { eventually } from '@past-tense/testing';
import { DnsServer, type DnsAnswer } from './dns-server';
import { inDns, type Resolve } from '../src/targets/resolve';
import { TARGET_REFUSED, Targets } from '../src/targets/targets';

const IPV4 = '93.184.215.14';
const IPV6 = '2606:2800:21f:cb07:6820:80da:af6b:8b2c';

let dns: DnsServer;
let resolve: Resolve;
beforeEach(async () => {
  dns = await DnsServer.start(() => []);
  resolve = inDns([dns.address]);
});
afterEach(() => dns.stop());

const answering = (a: DnsAnswer, aaaa: DnsAnswer) => {
  dns.answer = ({ type }) => (type === 'A' ? a : aaaa);
};
const never = new AbortController().signal;

describe('a name', () => {
  it.each<[string, DnsAnswer, DnsAnswer, string[]]>([
    ['both kinds', [IPV4, '93.184.215.15'], [IPV6], [IPV4, '93.184.215.15', IPV6]],
    ['IPv4 only', [IPV4], [], [IPV4]],
    ['IPv6 only', [], [IPV6], [IPV6]],
    ['IPv4 only, on a server that denies the name for the other kind', [IPV4], 'NXDOMAIN', [IPV4]],
    ['no address', [], [], []],
    ['nothing', 'NXDOMAIN', 'NXDOMAIN', []],
  ])('with %s has these addresses', async (_, a, aaaa, expected) => {
    answering(a, aaaa);

    const found = await resolve('hooks.example.com', never);

    expect(found).toEqual(expected.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
    expect(dns.questions.map(({ name, type }) => `${name} ${type}`).sort()).toEqual(['hooks.example.com A', 'hooks.example.com AAAA']);
  });

  it('is not resolved if one kind of addresses cannot be found out: a bad one could be among them', async () => {
    answering([IPV4], 'SERVFAIL');

    await expect(resolve('hooks.example.com', never)).rejects.toMatchObject({ code: 'ESERVFAIL' });
    await expect(new Targets({ resolve }).check('https://hooks.example.com/')).rejects.toThrow(TARGET_REFUSED);
  });

  it('does not wait for the other kind once one cannot be found out', async () => {
    answering('SERVFAIL', 'silence');

    await expect(resolve('hooks.example.com', never)).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  it('whose DNS server never answers is given up when it is told to, one such name without the others', async () => {
    dns.answer = ({ name }) => (name.startsWith('silent') ? 'silence' : [IPV4]);
    const call = new AbortController();
    const other = new AbortController();
    const given = resolve('silent.example.com', call.signal);
    const kept = resolve('silent-too.example.com', other.signal);
    await eventually(() => expect(dns.questions).toHaveLength(4));
    dns.answer = ({ type }) => (type === 'A' ? [IPV4] : []);

    call.abort();

    // Not ETIMEOUT: nothing goes on behind it.
    await expect(given).rejects.toMatchObject({ code: 'ECANCELLED' });
    expect(await kept).toEqual([{ address: IPV4, family: 4 }]);
  });

  it.each(['localhost', 'LOCALHOST', 'app.localhost'])('%s is loopback, and no DNS server is asked', async (name) => {
    answering([IPV4], [IPV6]);

    expect(await resolve(name, never)).toEqual([
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ]);
    expect(dns.questions).toEqual([]);
  });

  it('that only looks like localhost is looked up', async () => {
    answering([IPV4], []);

    expect(await resolve('notlocalhost', never)).toEqual([{ address: IPV4, family: 4 }]);
  });
});
