import { readRequest } from './request';

const consumers = ['orders', 'tracking'];
const read = (line: string) => readRequest(line.split(' ').filter(Boolean), consumers);

describe('the command line of npm run rebuild', () => {
  it.each([
    ['--consumer tracking --dry-run', ['--dry-run']],
    ['--yes --consumer=tracking', ['--yes']],
    ['list --consumer tracking --json', ['list', '--json']],
  ])('leaves to the service what is the service’s (%s)', (line, args) => {
    expect(read(line)).toEqual({ consumer: 'tracking', args });
  });

  it.each(['', 'help', '--consumer tracking --help'])('explains itself when asked (%s)', (line) => {
    expect(read(line)).toBeUndefined();
  });

  it.each([
    ['--yes', 'Whose read model? Say --consumer <name>; there are orders, tracking.'],
    ['--consumer kitchen', 'There is no consumer "kitchen"'],
    ['--yes --consumer', 'There is no consumer ""'],
  ])('refuses %s in one sentence', (line, sentence) => {
    expect(() => read(line)).toThrow(sentence);
  });
});
