const { default: Sequencer } = require('@jest/test-sequencer');

// A long suite that is begun last runs alone while the other worker has nothing left to do. A fresh checkout does not know how long a suite takes,
// so the longest are named here; where Jest remembers, it knows better.
const LONGEST = [
  'e2e/chaos',
  'e2e/runbooks',
  'generators/test/eject',
  'e2e/start',
  'e2e/alerts',
  'e2e/requests',
  'contracts/test/gate',
  'generators/test/generated',
  'e2e/rebuild',
  'e2e/replay',
  'e2e/one-order',
  'e2e/versions',
  'e2e/access',
];

/** Begins with the suites that take longest. */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    if (sorted.some(({ duration }) => duration !== undefined)) return sorted;
    const rank = ({ path }) => LONGEST.findIndex((name) => path.includes(name)) + 1 || LONGEST.length + 1;
    return [...sorted].sort((a, b) => rank(a) - rank(b));
  }
};
