import { readRequest } from './request';

const read = (line: string) => readRequest(line.split(' ').filter(Boolean))!;

describe('the command line of npm run catalogue', () => {
  it('changes only what it must, unless it is told otherwise', () => {
    expect(read('')).toEqual({
      dryRun: false,
      acls: false,
      revoke: false,
      mayGrow: new Set(),
      mayLose: new Set(),
      mayBreak: new Set(),
      flags: [],
    });
    expect(read('--dry-run --acls --allow-data-loss order-placed')).toEqual({
      dryRun: true,
      acls: true,
      revoke: false,
      mayGrow: new Set(),
      mayLose: new Set(['order-placed']),
      mayBreak: new Set(),
      flags: ['--acls', '--allow-data-loss', 'order-placed'],
    });
  });

  it('lets the own topics of its consumers grow with a topic, and no others', () => {
    const { mayGrow } = read('--allow-more-partitions order-cancelled');

    expect(mayGrow).toEqual(new Set(['order-cancelled', ...['payments', 'tracking'].flatMap(ownTopics)]));
  });
});

const ownTopics = (consumer: string) =>
  ['retry-5s', 'retry-1m', 'retry-10m', 'redrive', 'replay', 'dlq'].map((place) => `${consumer}.${place}`);
