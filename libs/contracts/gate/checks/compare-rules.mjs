// Compares two sets of validation rules: does the later one refuse what the earlier one let through?

// Rules that say how much there may be at most, and at least.
const UPPER = new Set(['lt', 'lte', 'maxLen', 'maxBytes', 'maxItems', 'maxPairs', 'within']);
const LOWER = new Set(['gt', 'gte', 'minLen', 'minBytes', 'minItems', 'minPairs']);
const RANGE = ['gt', 'gte', 'lt', 'lte'];
/** Rules that say how long something is exactly, as the two that say it together. */
const EXACT = { len: ['minLen', 'maxLen'], lenBytes: ['minBytes', 'maxBytes'] };
/** From what is always checked to what never is. */
const IGNORED = ['IGNORE_UNSPECIFIED', 'IGNORE_IF_ZERO_VALUE', 'IGNORE_ALWAYS'];
const WHOLE = /^(s|u)?int(32|64)$|fixed(32|64)$/;

/**
 * @param {object} before rules as JSON, as `Contracts.rulesOf` gives them
 * @param {object} after
 * @returns {{tightened: string[], loosened: string[]}} what changed, in words, such as "max_len was 64 and is 32"
 */
export function compareRules(before, after) {
  const found = { tightened: [], loosened: [] };
  compare(withLimits(before), withLimits(after), '', found);
  return found;
}

function compare(before, after, path, found) {
  const [was, is] = [before, after].map(rangeOf);
  // A range whose end is before its beginning lets through what is outside; whatever changes there counts as stricter.
  const isOutside = was !== is && (isInverted(before) || isInverted(after));
  if (isOutside) found.tightened.push(change(path.replace(/\.$/, ''), was, is));
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (key === 'example' || (isOutside && RANGE.includes(key))) continue;
    const [was, is] = [before[key], after[key]];
    const name = path + snake(key);
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (key === 'cel' || key === 'celExpression' || (key === 'oneof' && (Array.isArray(was) || Array.isArray(is))))
      compareLists(was, is, name, found);
    else if (key === 'ignore') compareBy(IGNORED.indexOf(was ?? IGNORED[0]) - IGNORED.indexOf(is ?? IGNORED[0]), [was, is], name, found);
    else if (UPPER.has(key)) compareBy(order(limit(was, Infinity), limit(is, Infinity)), [was, is], name, found);
    else if (LOWER.has(key)) compareBy(order(limit(is, lowest(key)), limit(was, lowest(key))), [was, is], name, found);
    else if (key === 'in') compareSets(was, is, name, found);
    else if (key === 'notIn') compareSets(is ?? [], was ?? [], name, found, [was, is]);
    else if (isRules(was) || isRules(is)) compare(withLimits(was ?? {}, key), withLimits(is ?? {}, key), `${name}.`, found);
    // A format, a pattern, a flag or a rule this list does not know: only its end lets more through.
    else compareBy(is === undefined || is === false ? -1 : 1, [was, is], name, found);
  }
}

/** Rules in the form that can be compared: defaults as they are applied, exact lengths as limits, a constant as a list of one, whole numbers with inclusive limits. */
function withLimits(rules, type = '') {
  const { const: constant, ...rest } = rules;
  if (constant !== undefined) rest.in = [constant];
  // https://protovalidate.com/reference/rules/string_rules/#strict
  if (rest.wellKnownRegex !== undefined) rest.strict ??= true;
  for (const [exact, limits] of Object.entries(EXACT)) {
    if (rest[exact] === undefined) continue;
    for (const one of limits) rest[one] = rest[exact];
    delete rest[exact];
  }
  if (!WHOLE.test(type)) return rest;
  if (rest.lt !== undefined) rest.lte = String(BigInt(rest.lt) - 1n);
  if (rest.gt !== undefined) rest.gte = String(BigInt(rest.gt) + 1n);
  delete rest.lt;
  delete rest.gt;
  for (const one of ['lte', 'gte']) if (rest[one] !== undefined) rest[one] = String(rest[one]);
  return rest;
}

/** @param {number | bigint} by how much less is let through: positive is tighter */
function compareBy(by, [was, is], name, found) {
  if (by > 0) found.tightened.push(change(name, was, is));
  else if (by < 0) found.loosened.push(change(name, was, is));
}

function compareSets(was, is, name, found, words = [was, is]) {
  const [before, after] = [was, is].map((values) => values && new Set(values.map(String)));
  const tighter = after && (!before || [...before].some((value) => !after.has(value)));
  const looser = before && (!after || [...after].some((value) => !before.has(value)));
  if (tighter) found.tightened.push(change(name, ...words));
  else if (looser) found.loosened.push(change(name, ...words));
}

/** Expressions: each one refuses something; what it is called and says does not matter. */
function compareLists(was = [], is = [], name, found) {
  const checks = (list) => new Set(list.map((one) => (typeof one === 'string' ? one : JSON.stringify(one.expression ?? one))));
  const [before, after] = [checks(was), checks(is)];
  const added = [...after].filter((one) => !before.has(one));
  const removed = [...before].filter((one) => !after.has(one));
  if (added.length > 0) found.tightened.push(`${name} ${added.join(', ')} was added`);
  if (removed.length > 0) found.loosened.push(`${name} ${removed.join(', ')} was taken away`);
}

function change(name, was, is) {
  if (was === undefined || was?.length === 0) return `${name} is ${say(is)} and was not there`;
  if (is === undefined || is?.length === 0) return `${name} was ${say(was)} and is not there any more`;
  return `${name} was ${say(was)} and is ${say(is)}`;
}

const say = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
const isRules = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The limits of a range, in words; undefined where there is none. */
function rangeOf(rules) {
  const limits = RANGE.filter((key) => rules[key] !== undefined).map((key) => `${key} ${rules[key]}`);
  return limits.length > 0 ? limits.join(', ') : undefined;
}

function isInverted({ gt, gte, lt, lte }) {
  const [from, to] = [limit(gt ?? gte, -Infinity), limit(lt ?? lte, Infinity)];
  return from > to || (from === to && (gt !== undefined || lt !== undefined));
}

/** What holds without a limit: nothing is shorter than empty. */
const lowest = (key) => (key.startsWith('min') ? 0n : -Infinity);

/** A limit as a number: seconds for durations, milliseconds for points in time. */
function limit(value, none) {
  if (value === undefined) return none;
  if (/^-?\d+$/.test(value)) return BigInt(value);
  const number = Number(String(value).replace(/s$/, ''));
  return Number.isNaN(number) ? Date.parse(value) : number;
}

const order = (a, b) => (a > b ? 1 : a < b ? -1 : 0);
