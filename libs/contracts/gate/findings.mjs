// What is wrong with the contracts, one sentence each.

/** Collects findings, which fail the gate, and notes, which do not. */
export class Findings {
  #findings = [];
  #notes = [];

  /**
   * Something that must not be.
   * @param {{file: string, line: number}} place
   * @param {string} what is wrong, naming the thing
   * @param {string} why it matters, as the end of "because …"
   * @param {string} remedy what to do instead
   */
  add({ file, line }, what, why, remedy) {
    this.#findings.push({ file, line, sentence: `${what}, because ${why}; ${remedy}.` });
  }

  /** Something to know that needs no change. */
  note({ file, line }, sentence) {
    this.#notes.push({ file, line, sentence });
  }

  get any() {
    return this.#findings.length > 0;
  }

  /** One line for each finding, by file and line. */
  get lines() {
    return linesOf(this.#findings);
  }

  /** One line for each note, by file and line. */
  get notes() {
    return linesOf(this.#notes);
  }
}

function linesOf(entries) {
  const sorted = [...entries].sort((a, b) => compare(a.file, b.file) || a.line - b.line || compare(a.sentence, b.sentence));
  return [...new Set(sorted.map(({ file, line, sentence }) => `${file}:${line}: ${sentence.replace(/\s+/g, ' ')}`))];
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
