import type { JobFailure } from './job';

/** Why jobs of a service fail. The codes are part of its API. */
export type FailureCatalogue<Code extends string = string> = Readonly<
  Record<
    Code,
    {
      /** What has happened; the detail of a failure for which nobody gave one. */
      readonly meaning: string;
      /** What whoever asked can do about it. */
      readonly action: string;
    }
  >
>;

/** The code of this library itself: a job that did not end in time. */
export const TIMED_OUT = 'timed-out';

const own: FailureCatalogue = {
  [TIMED_OUT]: {
    meaning: 'The job did not end in time.',
    action:
      'Look at what the job is about before you ask again: a part of the work may have been done. Quote the correlation id to support.',
  },
};
const retired = { meaning: 'The job failed.', action: 'Quote the correlation id to support.' };

const CODE = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const MAX_DETAIL = 1_000;

/** The failures a service may report, with those that every service has. */
export class Failures {
  readonly #catalogue: FailureCatalogue;

  /** @throws Error if a code is not in kebab-case or belongs to this library */
  constructor(catalogue: FailureCatalogue) {
    for (const code of Object.keys(catalogue)) {
      if (!CODE.test(code)) throw new Error(`The failure code "${code}" must be in kebab-case, such as payment-declined.`);
      if (Object.hasOwn(own, code)) throw new Error(`The failure code ${code} belongs to @past-tense/jobs; choose another one.`);
    }
    this.#catalogue = catalogue;
  }

  /**
   * The text for a failure: the one given, or what the code means.
   * @throws Error if the catalogue does not have the code
   */
  detail(code: string, given?: string): string {
    if (!Object.hasOwn(this.#catalogue, code))
      throw new Error(`${code} is not a failure code of this service; add it to the failures that JobsModule.register is given.`);
    return storable(given ?? this.#catalogue[code]!.meaning).slice(0, MAX_DETAIL);
  }

  /** A failure with what can be done about it. Of a code that is no longer in the catalogue, old jobs still tell. */
  show(code: string, detail: string): JobFailure {
    const entry = [this.#catalogue, own].find((catalogue) => Object.hasOwn(catalogue, code))?.[code] ?? retired;
    return { code, detail, action: entry.action };
  }
}

/** The meaning of the library's own code. */
export const TIMED_OUT_MEANING = own[TIMED_OUT]!.meaning;

/** Text that PostgreSQL takes: it refuses NUL and half characters, and no failure may be lost to the text that describes it. */
export function storable(text: string): string {
  return Buffer.from(text).toString().replaceAll('\0', '\uFFFD');
}
