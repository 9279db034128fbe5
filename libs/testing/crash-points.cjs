// Loaded into a process with `node --require`: kills it, as kill -9 would, when it comes to a named point for the n-th time.
// PAST_TENSE_CRASH_AT=after-commit:12 kills at the twelfth commit; every kill adds a line to the file PAST_TENSE_CRASH_LOG.
// The points are diagnostics channels in the libraries: after-commit, after-send, before-mark, after-effects.
const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync } = require('node:fs');

const [point, count] = (process.env.PAST_TENSE_CRASH_AT ?? '').split(':');
let left = Number(count);
if (point && left > 0)
  subscribe(`past-tense.${point}`, () => {
    left -= 1;
    if (left !== 0) return;
    appendFileSync(process.env.PAST_TENSE_CRASH_LOG, `${point}\n`);
    process.kill(process.pid, 'SIGKILL');
  });
