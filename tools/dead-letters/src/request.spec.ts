import { readRequest } from './request';

const consumers = ['orders', 'payments'];
const read = (line: string) => readRequest(line.split(' ').filter(Boolean), consumers);

describe('the command line of npm run dlq', () => {
  it('reads which letters are meant', () => {
    expect(
      read('redrive --consumer payments --type order.v1.OrderPlaced --reason failed --since 2026-11-21T08:00:00Z --why mended --rate 5'),
    ).toMatchObject({
      command: 'redrive',
      consumers: ['payments'],
      filter: { eventType: 'order.v1.OrderPlaced', reason: 'FAILED', since: new Date('2026-11-21T08:00:00Z') },
      why: 'mended',
      ratePerSecond: 5,
      dryRun: false,
    });
    expect(read('list')).toMatchObject({ command: 'list', consumers });
    expect(read('show 019aa000-0000-7000-8000-000000000001')).toMatchObject({ filter: { id: '019aa000-0000-7000-8000-000000000001' } });
  });

  it.each(['', 'help', '--help'])('explains itself when asked (%s)', (line) => {
    expect(read(line)).toBeUndefined();
  });

  it.each([
    ['burn', 'There is no command "burn"'],
    ['list --consumer kitchen', 'There is no consumer "kitchen"; there are orders, payments.'],
    ['list --reason tired', '--reason must be one of INVALID, UNKNOWN_VALUE, FAILED, GAP, CRASHED'],
    ['list --since yesterdayish', '--since must be a time'],
    ['list --colour red', "Unknown option '--colour'"],
    ['show', 'Which letter?'],
    ['redrive --why mended', 'Which letters?'],
    ['discard --all', 'Say why with --why'],
    ['redrive --all --why x --rate fast', '--rate must be a number'],
  ])('refuses %s in one sentence', (line, sentence) => {
    expect(() => read(line)).toThrow(sentence);
  });
});
