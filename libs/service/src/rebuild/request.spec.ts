import { readRequest } from './request';

const read = (line: string) => readRequest(line.split(' ').filter(Boolean));

describe('the arguments after rebuild', () => {
  it('say what is to be done', () => {
    expect(read('')).toMatchObject({ command: 'run', dryRun: false, yes: false, allowDifferences: false, json: false, why: '' });
    expect(read('--dry-run --json --why mended --by ada')).toMatchObject({
      command: 'run',
      dryRun: true,
      json: true,
      why: 'mended',
      by: 'ada',
    });
    expect(read('list')).toMatchObject({ command: 'list' });
    expect(read('drop 019aa000 --yes')).toMatchObject({ command: 'drop', id: '019aa000', yes: true });
  });

  it.each(['help', '--help', 'list --help'])('may ask for help (%s)', (line) => {
    expect(read(line)).toBeUndefined();
  });

  it.each([
    ['burn', 'There is no command "burn"; there are list, drop, abandon, and none for a rebuild.'],
    ['run', 'There is no command "run"'],
    ['drop', 'Which rebuild? drop <id>; list shows them.'],
    ['abandon 1 2', '"2" is one word too many.'],
    ['list 1', '"1" is one word too many.'],
    ['--colour red', "Unknown option '--colour'."],
  ])('are refused in one sentence: %s', (line, sentence) => {
    expect(() => read(line)).toThrow(sentence);
  });
});
