import { readRequest } from './request';

const read = (line: string) => readRequest(line.split(' ').filter(Boolean));

describe('the command line of npm run position', () => {
  it('reads where the consumer is to go on', () => {
    expect(read('--consumer tracking --topic order-placed --to 2026-11-21T09:00:00+01:00 --why mended --yes')).toEqual({
      command: 'reset',
      consumer: 'tracking',
      json: false,
      reset: { topic: 'order-placed', to: { time: '2026-11-21T08:00:00.000Z' }, why: 'mended' },
      yes: true,
      dryRun: false,
      wait: true,
    });
    expect(read('--consumer tracking --topic order-placed --partition 3 --to-offset 17 --dry-run --no-wait')).toMatchObject({
      reset: { partition: 3, to: { offset: '17' } },
      dryRun: true,
      wait: false,
    });
    expect(read('--consumer tracking --topic order-placed --to earliest')).toMatchObject({ reset: { to: 'earliest' } });
  });

  it('shows where it is if no target is named, and what was done', () => {
    expect(read('--consumer payments --json')).toEqual({ command: 'show', consumer: 'payments', json: true, topic: undefined });
    expect(read('list --consumer payments')).toEqual({ command: 'list', consumer: 'payments', json: false });
  });

  it.each(['', 'help', '--help'])('explains itself when asked (%s)', (line) => {
    expect(read(line)).toBeUndefined();
  });

  it.each([
    ['move --consumer payments', 'There is no command "move"'],
    ['--topic order-placed', 'Which consumer?'],
    ['--consumer kitchen', 'There is no consumer "kitchen"; there are '],
    ['--consumer payments --to latest', 'Which topic?'],
    ['--consumer payments --topic order-placed --partition 1', 'Where to?'],
    ['--consumer payments --topic order-placed --to 17', '--to must be earliest, latest or a time'],
    ['--consumer payments --topic order-placed --to 2026-99-99', '--to must be earliest, latest or a time'],
    ['--consumer payments --topic order-placed --to-offset -1', '--to-offset'],
    ['--consumer payments --topic order-placed --to-offset 1.5', '--to-offset must be a whole number, not "1.5".'],
    ['--consumer payments --topic order-placed --to latest --to-offset 1', 'two targets'],
    ['--consumer payments --topic order-placed --to latest --json', 'say --yes, or --dry-run'],
    ['--consumer payments --colour red', "Unknown option '--colour'"],
  ])('refuses %s in one sentence', (line, sentence) => {
    expect(() => read(line)).toThrow(sentence);
  });
});
