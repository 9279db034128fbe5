import { readRequest } from './request';

const SPAN = ['--topic', 'order-placed', '--from', '2026-11-20T08:00Z', '--to', '2026-11-20T09:00Z'];
const TRACKING = ['--consumer', 'tracking'];

describe('the command line of replay', () => {
  it('reads a span of time, to the millisecond and in any zone', () => {
    expect(readRequest([...SPAN, ...TRACKING, '--by', 'ada', '--yes'])).toEqual({
      command: 'run',
      json: false,
      events: { topics: ['order-placed'], fromMs: Date.UTC(2026, 10, 20, 8), toMs: Date.UTC(2026, 10, 20, 9) },
      consumer: 'tracking',
      generation: undefined,
      ratePerSecond: 500,
      why: '',
      by: 'ada',
      dryRun: false,
      yes: true,
    });
    const [from, to] = ['2026-11-20T10:00:00.001+02:00', '2026-11-21'];
    expect(
      readRequest(['--topic', 'order-completed,order-placed', '--topic', 'order-placed', '--from', from, '--to', to, ...TRACKING]),
    ).toMatchObject({
      events: { topics: ['order-completed', 'order-placed'], fromMs: Date.UTC(2026, 10, 20, 8, 0, 0, 1), toMs: Date.UTC(2026, 10, 21) },
    });
  });

  it('reads the other commands', () => {
    const id = '01a1ff59-03c0-77da-b79a-8373322f3ea3';
    expect(readRequest(['export', ...SPAN, '--file', 'f'])).toMatchObject({ command: 'export', file: 'f' });
    expect(readRequest(['resume', id, ...TRACKING, '--rate', '7'])).toMatchObject({ command: 'resume', id, ratePerSecond: 7 });
    expect(readRequest(['list', ...TRACKING])).toMatchObject({ command: 'list', consumer: 'tracking' });
    expect(readRequest(['--from-file', 'f', ...TRACKING])).toMatchObject({
      events: { file: 'f', topics: [], fromMs: -Infinity, toMs: Infinity },
    });
    expect(readRequest([])).toBeUndefined();
    expect(readRequest(['--help'])).toBeUndefined();
  });

  it.each([
    [['begin'], 'There is no command "begin"; there are export, list, show, resume, cancel'],
    [['--from', '2026-11-20', '--to', '2026-11-21', ...TRACKING], 'Which events? Name the topic with --topic'],
    [
      ['--topic', 'order-placd', ...SPAN.slice(2), ...TRACKING],
      'There is no topic "order-placd"; there are customer-forgotten, delivery-address-changed',
    ],
    [['--topic', 'order-placed', '--from', '2026-11-20', ...TRACKING], 'From when until when?'],
    [[...SPAN.slice(0, 2), '--from', 'yesterday', '--to', '2026-11-21', ...TRACKING], '--from must be a time with its zone'],
    [[...SPAN.slice(0, 2), '--from', '2026-11-20T08:00', '--to', '2026-11-21', ...TRACKING], '--from must be a time with its zone'],
    [[...SPAN.slice(0, 2), '--from', '2026-11-21', '--to', '2026-11-31', ...TRACKING], '--to must be a time with its zone'],
    [[...SPAN.slice(0, 2), '--from', '2026-11-21', '--to', '2026-11-21', ...TRACKING], 'The span is empty: --to must be later than --from'],
    [SPAN, 'Which consumer? Name it with --consumer: '],
    [[...SPAN, '--consumer', 'nobody'], 'There is no consumer "nobody"; there are '],
    [[...SPAN, ...TRACKING, '--generation', '1'], '--generation must be a whole number from 2, or next'],
    [[...SPAN, ...TRACKING, '--rate', '0'], '--rate must be a number of events per second'],
    [[...SPAN, ...TRACKING, '--faster'], "Unknown option '--faster'"],
    [['export', ...SPAN], 'Where to? Name the file with --file'],
    [['show', ...TRACKING], 'Which replay?'],
    [['resume', 'x', ...TRACKING], '"x" is not the id of a replay'],
  ])('is refused in a sentence: %j', (args, sentence) => {
    expect(() => readRequest(args)).toThrow(sentence);
  });
});
