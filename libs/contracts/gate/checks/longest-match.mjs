// How long a text can be that a regular expression describes from its beginning to its end.

/**
 * The longest text that matches, in bytes of UTF-8; Infinity where there is no longest, or where the expression is not understood.
 * Understood are characters, classes, groups, alternatives and counts, in RE2's syntax, between ^ and $ (or \A and \z).
 * @param {string} pattern
 */
export function longestMatch(pattern) {
  const anchored = /^(?:\^|\\A)([\s\S]*)(?:\$|\\z)$/.exec(pattern);
  if (!anchored || /(^|[^\\])(\\\\)*\\$/.test(anchored[1])) return Infinity;
  const reader = { text: anchored[1], at: 0, depth: 0 };
  const bytes = alternatives(reader);
  return reader.at === reader.text.length ? bytes : Infinity;
}

function alternatives(reader) {
  let longest = sequence(reader);
  let several = false;
  while (reader.text[reader.at] === '|') {
    reader.at += 1;
    several = true;
    longest = Math.max(longest, sequence(reader));
  }
  // ^a|b$ is anchored on one side of each alternative only.
  return several && reader.depth === 0 ? Infinity : longest;
}

function sequence(reader) {
  let bytes = 0;
  while (reader.at < reader.text.length && !'|)'.includes(reader.text[reader.at])) {
    const one = atom(reader);
    if (one === Infinity) return Infinity;
    const times = count(reader);
    bytes += one === 0 ? 0 : one * times;
  }
  return bytes;
}

function atom(reader) {
  const rest = reader.text.slice(reader.at);
  const taken = (match, bytes) => {
    reader.at += match[0].length;
    return bytes;
  };
  const group = /^\((?:\?:|\?P?<\w+>)?(?!\?)/.exec(rest);
  if (group) {
    reader.at += group[0].length;
    reader.depth += 1;
    const bytes = alternatives(reader);
    reader.depth -= 1;
    if (reader.text[reader.at] !== ')') return Infinity;
    reader.at += 1;
    return bytes;
  }
  const set = /^\[(\^?)\]?((?:\[:\^?\w+:\]|\\.|[^\]\\])*)\]/.exec(rest);
  if (set) return taken(set, set[1] || /[^\x20-\x7e]|\\[pPxDSWQ]|\[:\^/.test(set[2]) ? 4 : 1);
  const escaped = /^\\([dswtnrfv]|[^a-zA-Z0-9])/.exec(rest);
  if (escaped) return taken(escaped, /[\x20-\x7e]/.test(escaped[1]) ? 1 : 4);
  const wide = /^\\[DSW]/.exec(rest);
  if (wide) return taken(wide, 4);
  const plain = /^[^\\()[\]{}*+?^$|]/u.exec(rest);
  if (!plain) return Infinity;
  return taken(plain, plain[0] === '.' ? 4 : Buffer.byteLength(plain[0]));
}

function count(reader) {
  const found = /^(?:\{(\d+)(?:,(\d*))?\}|[?*+])\??/.exec(reader.text.slice(reader.at));
  if (!found) return 1;
  reader.at += found[0].length;
  if (found[0].startsWith('?')) return 1;
  if (found[1] === undefined || found[2] === '') return Infinity;
  return Number(found[2] ?? found[1]);
}
