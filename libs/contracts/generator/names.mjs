// What a name may be: an event says what happened, a command says what to do.

// Participles that do not end in -ed. Those that are also the verb itself (set, put) fit an event and a command alike.
const IRREGULAR_PAST = new Set(
  `arisen awoken become begotten begun bent bitten blown born borne bought bound broadcast broken brought built burnt burst cast caught chosen
  clung come crept cut dealt done drawn driven drunk dug dwelt eaten fallen fed felt fled flown flung forbidden forgiven forgone forgotten forsaken
  fought found frozen given gone gotten grown heard held hewn hidden hit hung hurt kept knelt knit known laid leapt learnt led left lent let
  lit lost made meant met mistaken outbid outgrown overbid overcome overdrawn overridden paid proven put quit read redone reset rerun resent
  ridden risen run rung said seen sent set sewn shaken shipped shod shorn shot shown shrunk shut slain slept slid slit slung smelt sold
  sought sown spat sped spelt spent spilt split spoilt spoken sprung spread spun stolen stood strewn stricken striven struck strung stuck
  stung sung sunk swept swollen sworn swum swung taken taught thought thrown told torn trodden undergone underbid understood undone upheld
  upset wept withdrawn withheld withstood woken won worn woven written wrung`.split(/\s+/),
);
const PREFIX = /^(?:re|pre|over|under|un|out|fore|mis)(?=[a-z]{3})/;
// They only look like a participle with one of these before it.
const UNPREFIXED = new Set('outburst outcome outlet output outset outsell present relent repent relet underlet'.split(' '));
// What people write for a participle, and the participle.
const SIMPLE_PAST = new Map(
  `arose arisen, ate eaten, awoke awoken, became become, began begun, bit bitten, blew blown, bore borne, broke broken, came come, chose chosen,
  did done, drank drunk, drew drawn, drove driven, fell fallen, flew flown, forbade forbidden, forgave forgiven, forgot forgotten, froze frozen,
  gave given, got gotten, grew grown, hid hidden, knew known, mistook mistaken, overcame overcome, overrode overridden, ran run, rang rung,
  rode ridden, rose risen, sang sung, sank sunk, saw seen, shook shaken, shrank shrunk, spoke spoken, sprang sprung, stole stolen, swam swum,
  swore sworn, threw thrown, took taken, tore torn, underwent undergone, went gone, withdrew withdrawn, woke woken, wore worn, wove woven,
  wrote written`
    .split(',')
    .map((pair) => pair.trim().split(' ')),
);
// Of those, the ones that are a verb's base form as well.
const ALSO_BASE = new Set(
  `become bound broadcast burst cast come cut found hit hurt knit lay let outbid overbid overcome put quit read rerun reset run set shut slit
  split spread underbid upset`.split(/\s+/),
);
// Words that end in -ed, in -ing or like a noun, and are something else all the same.
const PLAIN_ED = new Set(
  `aniseed bed biped bleed breed creed crossbreed crooked deed embed exceed feed greed hatred heed hundred inbreed indeed infrared kindred
  linseed misdeed moped naked need newlywed nosebleed proceed purebred quadruped red reed rugged sacred seaweed seed shed shred sled speed
  steed succeed thoroughbred tweed weed wed wicked wretched`.split(/\s+/),
);
const PLAIN_ING = new Set('bring cling fling ping ring sing sling spring sting string swing wring'.split(' '));
const PLAIN_NOUN_ENDING = new Set(
  `advance apportion augment auction balance caution commission comment complement compliment condition document enhance envision experiment
  finance fragment function implement influence instance mention partition petition pigment position prioritise provision question ration
  reference reposition requisition sanction segment sentence sequence silence station supplement transition vision`.split(/\s+/),
);
const ENVELOPES = new Set(['command', 'event', 'notification', 'request', 'response']);
// No word of a fact: with them a name says what will be, should be or is not.
const NOT_YET = new Set('be being can cannot may must not shall should to will'.split(' '));
// Verbs that nobody takes for a thing: an event that begins with one is a request, whatever it ends with.
const IMPERATIVES = new Set(
  `accept acknowledge activate add adjust allow apply approve archive arrange ask assign attach authorise authorize await begin block bring
  build calculate cancel choose close collect complete compute confirm consume convert create deactivate declare delete deliver deny detach
  determine disable discard do emit enable enforce enqueue ensure evaluate execute expire extend fail fetch fill find finish forward generate
  get give handle have hide inform initialise initialize initiate insert install invalidate keep let make mark migrate modify notify obtain
  open pay perform pick place prepare proceed provide publish pull push put raise reach react read recalculate receive reconcile redeem
  refresh reject remind remove rename renew reopen replace resend reset resolve restart restore resume retire retrieve retry reverse revoke
  save select sell send set settle show skip start stop submit subscribe suspend take tell terminate try unblock unlock unsubscribe update
  upload use validate verify void wait withdraw write`.split(/\s+/),
);
// Verbs that are things as well: a charge, a request. They are verbs where what they are done to follows, as in RequestOrderCancelled.
const VERBS_OR_THINGS = new Set(
  `book call capture change charge check clear commit correct copy credit debit decline dispatch grant hold import invoice issue launch load
  lock log merge move order pack package pause plan post print process produce query quote record refund register release reply report request
  reserve return review run schedule ship sign split store sync trigger transfer`.split(/\s+/),
);

/** The words of a PascalCase name, in lower case; an acronym is one word, and digits stay with the word before them. */
export const wordsOf = (name) => name.match(/[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+/g)?.map((word) => word.toLowerCase()) ?? [];

const isIn = (set, word) => set.has(word) || (!UNPREFIXED.has(word) && set.has(word.replace(PREFIX, '')));
const isPast = (word) => isIn(IRREGULAR_PAST, word) || (word.length > 3 && word.endsWith('ed') && !isIn(PLAIN_ED, word));
const isOnlyPast = (word) => isPast(word) && !isIn(ALSO_BASE, word);
const isIng = (word) => word.length > 4 && word.endsWith('ing') && !PLAIN_ING.has(word);
const isNoun = (word) => /(tion|sion|ment|ness|ance|ence|ity|ism)$/.test(word) && !PLAIN_NOUN_ENDING.has(word);

/**
 * What to do about a name that does not say what happened: something, and a past participle.
 * @param {string} name
 * @param {{aggregate?: string, things?: ReadonlySet<string>}} about what the event is about, and what all events are about (order, payment)
 * @returns {string | undefined} nothing if it does say it
 */
export function mendOfFact(name, { aggregate, things = new Set() } = {}) {
  const words = wordsOf(name);
  const [first, second] = words;
  const last = words.at(-1) ?? '';
  const participle = participleOf(last);
  if (participle) return `end its name with the past participle "${participle}" instead of "${last}", as in OrderTaken`;
  if (words.length < 2 || !isPast(last)) return 'end its name with a verb in the past tense, as OrderPlaced does';
  const notYet = words.find((word) => NOT_YET.has(word));
  if (notYet) return `leave "${notYet}" out of its name, which is for what has happened, as OrderPlaced is`;
  // A package named order_item has events such as OrderItemAdded.
  if (first !== aggregate?.split('_')[0] && (IMPERATIVES.has(first) || (VERBS_OR_THINGS.has(first) && things.has(second))))
    return `begin its name with what it happened to instead of the verb "${first}", as OrderPlaced does`;
  return undefined;
}

function participleOf(word) {
  const [prefix] = PREFIX.exec(word) ?? [''];
  const stem = SIMPLE_PAST.get(word.slice(prefix.length));
  return SIMPLE_PAST.get(word) ?? (stem && prefix + stem);
}

/** The verb of a participle that ends in -ed, such as `issue` of `issued`; undefined if it is not one that is known here. */
export function verbOf(participle) {
  const verbs = [1, 2, 3].map((letters) => participle.slice(0, -letters));
  const found = [...verbs, participle.replace(/ied$/, 'y')].find((verb) => IMPERATIVES.has(verb) || VERBS_OR_THINGS.has(verb));
  return participle.endsWith('ed') ? found : undefined;
}

/**
 * Whether a name says what to do: first a verb, then what to do it to.
 * @param {ReadonlySet<string>} things what the events are about (order, payment); "OrderCancel" is no request
 */
export function saysWhatToDo(name, things) {
  const words = wordsOf(name);
  const [first] = words;
  if (words.length < 2 || things.has(first)) return false;
  if (isIng(first) || isNoun(first) || isOnlyPast(first)) return false;
  if (ENVELOPES.has(first) && first !== 'request') return false;
  const last = words.at(-1);
  return !ENVELOPES.has(last) && !isOnlyPast(last);
}
