import { registrySubjects, subjectOf, type RegistrySubject, type Topic } from '@past-tense/contracts';
import type { RegisteredSchema } from '@past-tense/outbox';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the registry asks of a new version of a subject; docs/adr/0020 tells what Apicurio makes of it. */
export const COMPATIBILITY_RULE = 'BACKWARD_TRANSITIVE';

/** What registering a subject would change. */
export interface SubjectPlan {
  readonly subject: string;
  /** The version it would get; undefined if it is registered already. */
  readonly newVersion?: number;
  /** The rule it has now, if that is not the one that it should have; `NONE` where there is none. */
  readonly otherRule?: string;
  /** Whether the registry would refuse the new version, by the rule that the subject has now. */
  readonly refused: boolean;
}

interface Body {
  readonly schemaType: 'PROTOBUF';
  readonly schema: string;
  readonly references: readonly Reference[];
}

interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT_MS = 5_000;
const ATTEMPTS = 5;
const RETRY_DELAY_MS = 500;
const INCOMPATIBLE = 409;
const NO_RULE = 'NONE';
/** No version that is registered: stands for one that is about to be. */
const NEW = 0;

/**
 * The schema registry, by Confluent's HTTP API (https://docs.confluent.io/platform/current/schema-registry/develop/api.html).
 * Asked at start; publishing and consuming go on without it.
 *
 * A schema that differs from a registered one only in comments or layout is that one: it gets no version of its own, and a service
 * that was built with it starts.
 */
export class SchemaRegistry {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param url the registry's API, for example http://localhost:8080/apis/ccompat/v7; with user and password in it if it asks for them */
  constructor(url: string) {
    const address = new URL(url);
    const { username, password } = address;
    [address.username, address.password] = ['', ''];
    this.#url = address.href.replace(/\/$/, '');
    const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
    this.#headers = { 'content-type': 'application/json', ...(username && { authorization: `Basic ${user}` }) };
  }

  /**
   * What registering subjects would change. Changes nothing.
   * @param subjects imported ones before those that import them
   */
  async plan(subjects: readonly RegistrySubject[]): Promise<SubjectPlan[]> {
    const there = new Set(await this.subjects());
    const versions = new Map<string, number>();
    const plans: SubjectPlan[] = [];
    for (const subject of subjects) {
      if (!there.has(subject.subject)) {
        versions.set(subject.subject, NEW);
        plans.push({ subject: subject.subject, newVersion: 1, otherRule: NO_RULE, refused: false });
        continue;
      }
      const found = await this.#find(subject, versions);
      versions.set(subject.subject, found?.version ?? NEW);
      const rule = await this.#ruleOf(subject.subject);
      const otherRule = rule === COMPATIBILITY_RULE ? {} : { otherRule: rule };
      if (found) plans.push({ subject: subject.subject, ...otherRule, refused: false });
      else {
        const before = await this.#versions(subject.subject);
        const refused = before.length > 0 && !(await this.#isCompatible(subject));
        plans.push({ subject: subject.subject, newVersion: Math.max(0, ...before) + 1, ...otherRule, refused });
      }
    }
    return plans;
  }

  /**
   * Every subject there is.
   * @throws Error if no schema registry answers
   */
  async subjects(): Promise<string[]> {
    return this.#read(await this.#send('GET', '/subjects')) as unknown as string[];
  }

  /** Gives subjects, whether they are there yet or not, the rule that every new version has to keep. */
  async setRule(subjects: readonly string[]): Promise<void> {
    await Promise.all(subjects.map((subject) => this.#setRule(subject, COMPATIBILITY_RULE)));
  }

  /**
   * Registers subjects. What is there already stays as it is.
   * @param subjects imported ones before those that import them
   * @param exempt subjects whose new version need not keep the rule
   * @returns id and version by subject
   * @throws Error naming subject, rule and remedy if the registry refuses one
   */
  async register(subjects: readonly RegistrySubject[], exempt: ReadonlySet<string> = new Set()): Promise<Map<string, RegisteredSchema>> {
    const there = new Set(await this.subjects());
    const known = new Map<string, RegisteredSchema>();
    const versions = new Map<string, number>();
    for (const subject of subjects) {
      const found = there.has(subject.subject) ? await this.#find(subject, versions) : undefined;
      const schema = found ?? (await this.#add(subject, versions, exempt.has(subject.subject)));
      known.set(subject.subject, schema);
      versions.set(subject.subject, schema.version);
    }
    return known;
  }

  /**
   * The ids and versions of the schemas this process was built with, by event type.
   * @throws Error naming those that are not registered
   */
  async find(topics: readonly Topic[]): Promise<Map<string, RegisteredSchema>> {
    const known = new Map<string, RegisteredSchema>();
    const versions = new Map<string, number>();
    const missing: string[] = [];
    for (const subject of registrySubjects(topics)) {
      const found = await this.#find(subject, versions);
      versions.set(subject.subject, found?.version ?? NEW);
      if (found) known.set(subject.subject, found);
      else missing.push(subject.subject);
    }
    if (missing.length > 0) {
      await this.subjects(); // At a wrong address nothing is found either.
      throw new Error(
        `The schema registry at ${this.#url} does not have ${missing.join(', ')} as this build has it; apply the catalogue (npm run catalogue) first.`,
      );
    }
    return new Map(topics.map((topic) => [topic.eventType, known.get(subjectOf(topic))!]));
  }

  async #add(subject: RegistrySubject, versions: ReadonlyMap<string, number>, isExempt: boolean): Promise<RegisteredSchema> {
    const name = subject.subject;
    // Should this process end before the rule is back, the next time that the catalogue is applied sets it.
    if (isExempt) await this.#setRule(name, NO_RULE);
    const { answer, found } = await this.#post(subject, versions);
    if (isExempt) await this.#setRule(name, COMPATIBILITY_RULE);
    if (answer.status === INCOMPATIBLE && !found) throw new Error(refusal(name, COMPATIBILITY_RULE));
    if (answer.status !== INCOMPATIBLE) this.#read(answer);
    if (!found) throw new Error(`The schema registry at ${this.#url} took ${name} and does not know it; apply the catalogue again.`);
    return found;
  }

  /** What is refused although nothing speaks against it is being registered by somebody else just now, and there in a moment. */
  async #post(
    subject: RegistrySubject,
    versions: ReadonlyMap<string, number>,
  ): Promise<{ answer: Answer; found: RegisteredSchema | undefined }> {
    for (let attempt = 1; ; attempt += 1) {
      const path = `/subjects/${encodeURIComponent(subject.subject)}/versions`;
      const answer = await this.#send('POST', path, bodyOf(subject, versions));
      const found = await this.#find(subject, versions);
      const isOver = found !== undefined || answer.status !== INCOMPATIBLE || attempt === ATTEMPTS;
      if (isOver || !(await this.#isCompatible(subject))) return { answer, found };
      await sleep(RETRY_DELAY_MS * attempt);
    }
  }

  /** The registered schema that is the same but for comments and layout, exactly the same one first. */
  async #find(subject: RegistrySubject, versions: ReadonlyMap<string, number>): Promise<RegisteredSchema | undefined> {
    const body = bodyOf(subject, versions);
    // What imports something new is new itself.
    if (body.references.some(({ version }) => version === NEW)) return undefined;
    const path = `/subjects/${encodeURIComponent(subject.subject)}`;
    const exact = await this.#ask('POST', path, body);
    if (exact) return registered(exact);
    for (const version of (await this.#versions(subject.subject)).reverse()) {
      const found = await this.#ask('GET', `${path}/versions/${version}`);
      if (found && isSame(body, found)) return registered(found);
    }
    return undefined;
  }

  async #isCompatible({ subject, schema }: RegistrySubject): Promise<boolean> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions`;
    // The versions of what it imports may not be there yet, and the comparison does not look at them.
    const answer = await this.#ask('POST', path, { schemaType: 'PROTOBUF', schema });
    return answer?.['is_compatible'] !== false;
  }

  async #versions(subject: string): Promise<number[]> {
    return ((await this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions`)) as number[] | undefined) ?? [];
  }

  async #setRule(subject: string, compatibility: string): Promise<void> {
    await this.#ask('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility });
  }

  async #ruleOf(subject: string): Promise<string> {
    const found = (await this.#ask('GET', `/config/${encodeURIComponent(subject)}`)) as { compatibilityLevel?: string } | undefined;
    return found?.compatibilityLevel ?? NO_RULE;
  }

  /** Returns undefined for 404. */
  async #ask(method: string, path: string, body?: object): Promise<Record<string, unknown> | undefined> {
    const answer = await this.#send(method, path, body);
    return answer.status === 404 && answer.text.includes('error_code') ? undefined : this.#read(answer);
  }

  #read({ status, text }: Answer): Record<string, unknown> {
    if (status === 404 || !/^\s*[[{]/.test(text))
      throw new Error(`What answers at ${this.#url} (with ${status}) is no schema registry; check SCHEMA_REGISTRY_URL.`);
    if (status >= 400) throw new Error(`The schema registry at ${this.#url} answered ${status}: ${text.slice(0, 300)}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  /**
   * Sends a request. A registry that is just starting, or busy with the same for somebody else, is waited for.
   * @throws Error if it does not answer, or knows nothing of this API
   */
  async #send(method: string, path: string, body?: object): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await fetch(this.#url + path, {
          method,
          headers: this.#headers,
          ...(body && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        const text = await response.text();
        if (!passes(response.status, text) || attempt === ATTEMPTS) return { status: response.status, text };
      } catch (error) {
        const { cause, message } = error as Error & { cause?: Error & { code?: string } };
        if (attempt === ATTEMPTS)
          throw new Error(
            `The schema registry does not answer at ${this.#url} (${cause?.message || cause?.code || message}); check SCHEMA_REGISTRY_URL and that it runs.`,
            { cause: error },
          );
      }
      await sleep(RETRY_DELAY_MS * attempt);
    }
  }
}

/** Apicurio answers 409 also when two processes do the same at once; a schema that it refuses has the number in its body, too. */
function passes(status: number, text: string): boolean {
  return status >= 500 || (status === INCOMPATIBLE && !/"error_code"\s*:\s*409/.test(text));
}

/** Why the registry does not take a schema, and what to do instead. */
export function refusal(subject: string, rule: string): string {
  return `The schema registry refuses the new version of ${subject}, because its rule ${rule} finds it incompatible with a registered one; undo what was removed, renamed, renumbered or retyped, or publish a new version of the event on a new topic. Where the gate of the contracts has let a deprecated field go, say --allow-incompatible ${subject}.`;
}

function bodyOf({ schema, imports }: RegistrySubject, versions: ReadonlyMap<string, number>): Body {
  const references = imports.map((name) => ({ name, subject: name, version: versions.get(name) ?? NEW }));
  return { schemaType: 'PROTOBUF', schema, references };
}

function registered({ id, version }: Record<string, unknown>): RegisteredSchema {
  return { id: Number(id), version: Number(version) };
}

function isSame(body: Body, found: Record<string, unknown>): boolean {
  const key = ({ name, version }: Reference) => `${name} ${version}`;
  const references = ((found['references'] as Reference[] | undefined) ?? []).map(key).sort();
  return canonical(body.schema) === canonical(String(found['schema'])) && references.join() === body.references.map(key).sort().join();
}

/** A schema without what means nothing: comments, and the space between its words. */
function canonical(schema: string): string {
  const tokens = schema.match(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/\/[^\n]*|\/\*[\s\S]*?\*\/|[\w.]+|[^\s\w]/g) ?? [];
  return tokens.filter((token) => !/^\/[/*]/.test(token)).join(' ');
}
