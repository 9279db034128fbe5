// What a name may be: an event says what happened, a command says what to do.

// Participles that do not end in -ed. Those that are also the verb itself (set, put) fit an event and a command alike.
const IRREGULAR_PAST = new Set(
  `arisen awoken become begun bent bitten blown born borne bought bound broken brought built burnt caught chosen come cut dealt done drawn
  driven eaten fallen fed felt fled flown forbidden forgotten forgiven found fought frozen given gone grown heard held hidden hit hung kept
  known laid learnt led left lent let lost made meant met mistaken misunderstood outgrown overcome overdrawn overridden paid put proven quit
  read rebuilt redone reset rerun resent rewritten ridden risen run said seen sent set shaken shipped shown shut slept sold sought spent spilt
  split spoken spread stolen stood struck stuck sunk sworn swept taken taught told thought thrown torn undergone understood undone upheld
  upset withdrawn withheld withstood woken won worn written`.split(/\s+/),
);
// Of those, the ones that are a verb's base form as well.
const ALSO_BASE = new Set(
  'become bound come cut found hit lay let overcome put quit read rerun reset run set shut split spread upset'.split(' '),
);
// Words that end in -ed, in -ing or like a noun, and are something else all the same.
const PLAIN_ED = new Set(
  'bed bleed breed deed embed exceed feed greed heed hundred indeed need proceed red reed seed shed sled speed steed succeed weed wed'.split(
    ' ',
  ),
);
const PLAIN_ING = new Set('bring cling fling ping ring sing sling spring sting string swing wring'.split(' '));
const PLAIN_NOUN_ENDING = new Set(
  `advance apportion augment auction balance caution commission comment complement compliment condition document enhance envision experiment
  finance fragment function implement influence instance mention partition petition pigment position prioritise provision question ration
  reference reposition requisition sanction segment sentence sequence silence station supplement transition vision`.split(/\s+/),
);
const ENVELOPES = new Set(['command', 'event', 'notification', 'request', 'response']);

/** The words of a PascalCase name, in lower case. */
const wordsOf = (name) => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g)?.map((word) => word.toLowerCase()) ?? [];

const isPast = (word) => IRREGULAR_PAST.has(word) || (word.length > 3 && word.endsWith('ed') && !PLAIN_ED.has(word));
const isIng = (word) => word.length > 4 && word.endsWith('ing') && !PLAIN_ING.has(word);
const isNoun = (word) => /(tion|sion|ment|ness|ance|ence|ity|ism)$/.test(word) && !PLAIN_NOUN_ENDING.has(word);

/** Whether a name says that something happened: its last word is a past participle, and something it happened to stands before it. */
export function saysWhatHappened(name) {
  const words = wordsOf(name);
  return words.length > 1 && isPast(words.at(-1));
}

/**
 * Whether a name says what to do: first a verb, then what to do it to.
 * @param {ReadonlySet<string>} things what the events are about (order, payment); "OrderCancel" is no request
 */
export function saysWhatToDo(name, things) {
  const words = wordsOf(name);
  const [first] = words;
  if (words.length < 2 || things.has(first)) return false;
  if (isIng(first) || isNoun(first) || (isPast(first) && !ALSO_BASE.has(first))) return false;
  if (ENVELOPES.has(first) && first !== 'request') return false;
  const last = words.at(-1);
  return !ENVELOPES.has(last) && !(isPast(last) && !ALSO_BASE.has(last));
}
