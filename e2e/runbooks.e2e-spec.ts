import { documentPaths, follow, readDocument, readRunbook, runbookNames } from './runbooks/document';
import { stack, useStack } from './runbooks/drill-stack';
import { drills, LAST } from './runbooks/drills';
import { walks } from './runbooks/walks';

useStack();

const HELPS = '%s helps: every command runs, and the symptom is gone';

async function drilled(name: string): Promise<void> {
  const drill = drills[name]!;
  await drill.symptom?.();

  await follow(readRunbook(name), stack.env, drill.after);
}

describe('the runbooks (R5)', () => {
  it('are all tried below', () => {
    expect(Object.keys(drills).sort()).toEqual(runbookNames());
  });

  it.each(Object.keys(drills).filter((name) => !LAST.includes(name)))(HELPS, drilled);
});

describe('the documents', () => {
  it('are all followed below, as far as they have commands that a test can run', () => {
    const withCommands = documentPaths().filter((path) => readDocument(path).blocks.some(({ mark }) => !mark));

    expect(Object.keys(walks).sort()).toEqual(withCommands.sort());
  });

  it.each(Object.keys(walks))('%s: every command runs', async (path) => {
    const walk = walks[path]!;
    await walk.symptom?.();

    await follow(readDocument(path), { ...stack.env, ...walk.env?.() }, walk.after);
  });
});

describe('the runbooks that spoil the stack for those who come after', () => {
  it.each(LAST)(HELPS, drilled);
});
