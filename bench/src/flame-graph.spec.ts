import { flameGraph, type Profile } from './flame-graph';

const call = (functionName: string, url: string) => ({ functionName, url });
const profile: Profile = {
  nodes: [
    { id: 1, callFrame: call('(root)', ''), children: [2, 3, 6] },
    { id: 2, callFrame: call('(idle)', '') },
    { id: 3, callFrame: call('append', 'file:///a/libs/outbox/dist/outbox.js'), children: [4] },
    { id: 4, callFrame: call('query', 'file:///a/node_modules/pg/lib/client.js'), children: [5] },
    { id: 5, callFrame: call('submit', 'file:///a/node_modules/pg/lib/query.js') },
    { id: 6, callFrame: call('(garbage collector)', '') },
  ],
  samples: [2, 3, 4, 5, 6],
  timeDeltas: [900, 100, 200, 300, 400],
};

describe('a flame graph', () => {
  it('has a box for each call, as wide as what it took with all that it called; idle time and the inside of a library are left out', () => {
    const svg = flameGraph('a title', new Map([['orders', profile]]));

    expect([...svg.matchAll(/<title>(.*?)<\/title>.*? x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g)].map(([, ...box]) => box)).toEqual([
      ['everything 100.0 %', '0.0', '30', '1199.5'],
      ['orders 100.0 %', '0.0', '47', '1199.5'],
      ['append outbox/outbox 60.0 %', '0.0', '64', '719.5'],
      ['pg 50.0 %', '0.0', '81', '599.5'],
      ['(garbage collector) 40.0 %', '720.0', '64', '479.5'],
    ]);
  });

  it('of nothing is drawn, too', () => {
    expect(flameGraph('<&>', new Map())).toContain('&lt;&amp;&gt;');
  });
});
