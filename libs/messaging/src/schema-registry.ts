import { registrySubjects, subjectOf, type RegistrySubject, type Topic } from '@past-tense/contracts';
import type { RegisteredSchema } from '@past-tense/outbox';
import { setTimeout as sleep } from 'node:timers/promises';

const TIMEOUT_MS = 5_000;
const ATTEMPTS = 5;
const RETRY_DELAY_MS = 500;

/**
 * The schema registry, by Confluent's HTTP API (https://docs.confluent.io/platform/current/schema-registry/develop/api.html).
 * Asked at start; publishing and consuming go on without it.
 */
export class SchemaRegistry {
  readonly #url: string;

  /** @param url the registry's API, for example http://localhost:8080/apis/ccompat/v7 */
  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
  }

  /** Registers the schemas of topics and everything they import. What is there already stays as it is. */
  async register(topics: readonly Topic[]): Promise<Map<string, RegisteredSchema>> {
    return this.#each(topics, async (subject, body) => {
      await this.#ask('POST', `/subjects/${encodeURIComponent(subject.subject)}/versions`, body);
      return await this.#find(subject, body);
    });
  }

  /**
   * The ids and versions of the schemas this process was built with, by event type.
   * @throws Error naming the first one that is not registered
   */
  async find(topics: readonly Topic[]): Promise<Map<string, RegisteredSchema>> {
    return this.#each(topics, (subject, body) => this.#find(subject, body));
  }

  async #each(
    topics: readonly Topic[],
    work: (subject: RegistrySubject, body: object) => Promise<RegisteredSchema>,
  ): Promise<Map<string, RegisteredSchema>> {
    const known = new Map<string, RegisteredSchema>();
    for (const subject of registrySubjects(topics)) {
      const references = subject.imports.map((name) => ({ name, subject: name, version: known.get(name)!.version }));
      known.set(subject.subject, await work(subject, { schemaType: 'PROTOBUF', schema: subject.schema, references }));
    }
    return new Map(topics.map((topic) => [topic.eventType, known.get(subjectOf(topic))!]));
  }

  async #find({ subject }: RegistrySubject, body: object): Promise<RegisteredSchema> {
    const found = await this.#ask('POST', `/subjects/${encodeURIComponent(subject)}`, body);
    if (!found)
      throw new Error(`The schema registry does not have ${subject} as this build has it; apply the catalogue (infra/catalogue) first.`);
    return { id: Number(found['id']), version: Number(found['version']) };
  }

  /** Returns undefined for 404. A registry that is just starting is waited for. */
  async #ask(method: string, path: string, body: object): Promise<Record<string, unknown> | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(this.#url + path, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch((error: unknown) => error as Error);
      if (response instanceof Response && response.ok) return (await response.json()) as Record<string, unknown>;
      if (response instanceof Response && response.status === 404) return undefined;
      const problem =
        response instanceof Response
          ? `answered ${response.status}: ${(await response.text()).slice(0, 300)}`
          : `does not answer (${(response.cause as Error | undefined)?.message ?? response.message})`;
      const transient = !(response instanceof Response) || response.status >= 500;
      if (!transient || attempt === ATTEMPTS) throw new Error(`The schema registry at ${this.#url} ${problem}`);
      await sleep(RETRY_DELAY_MS * attempt);
    }
  }
}
