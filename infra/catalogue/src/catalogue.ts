import { allTopics, registrySubjects, type RegistrySubject } from '@past-tense/contracts';
import {
  applyPermissions,
  applyTopics,
  comparePermissions,
  compareTopics,
  declaredPermissions,
  declaredTopics,
  ownTopics,
  SchemaRegistry,
  type KafkaOptions,
  type SubjectPlan,
} from '@past-tense/messaging';
import type { Request } from './request';
import { permissionSteps, subjectSteps, surplusNotes, topicSteps, type Step } from './steps';

export interface CatalogueOptions {
  readonly kafka: KafkaOptions;
  /** Address of the schema registry's API. */
  readonly registryUrl: string;
  /** Brokers that keep a copy of each new topic. */
  readonly replicationFactor: number;
}

/** What is to change. */
export interface Plan {
  readonly steps: readonly Step[];
  /** What is nobody's to change and somebody's to know. */
  readonly notes: readonly string[];
  readonly subjects: readonly SubjectPlan[];
}

/** The state of Kafka and of the schema registry, and the one that the contracts declare. */
export class Catalogue {
  readonly #registry: SchemaRegistry;
  readonly #subjects: readonly RegistrySubject[] = registrySubjects(allTopics());

  constructor(private readonly options: CatalogueOptions) {
    this.#registry = new SchemaRegistry(options.registryUrl);
  }

  /** Finds out what is to change. Changes nothing. */
  async plan(request: Request): Promise<Plan> {
    const { kafka } = this.options;
    const { differences, existing } = await compareTopics(kafka, declaredTopics());
    const registered = await this.#registry.subjects();
    const subjects = await this.#registry.plan(this.#subjects);
    const { missing, surplus, notes } = request.acls
      ? await comparePermissions(kafka, declaredPermissions())
      : { missing: [], surplus: [], notes: [] };
    return {
      steps: [
        ...topicSteps(differences, request),
        ...subjectSteps(subjects, request),
        ...permissionSteps(missing, request.revoke ? surplus : []),
      ],
      notes: [...leftTopics(existing, registered), ...notes, ...(request.revoke ? [] : surplusNotes(surplus))],
      subjects,
    };
  }

  /**
   * Changes what a plan says, in which nothing may be refused. The rule comes first: only then does the registry check what it is given.
   * @throws Error in one sentence, if something is refused after all; then it is to be done again
   */
  async apply({ subjects }: Plan, request: Request): Promise<void> {
    const { kafka, replicationFactor } = this.options;
    const unruled = subjects.filter(({ otherRule }) => otherRule !== undefined);
    if (unruled.length > 0) {
      await this.#registry.setRule(unruled.map(({ subject }) => subject));
      const checked = unruled.some(({ newVersion = 1 }) => newVersion > 1) ? await this.#registry.plan(this.#subjects) : [];
      const refused = subjectSteps(checked, request).find((step) => step.refused);
      if (refused) throw new Error(refused.refused);
    }
    await applyTopics(kafka, declaredTopics(), replicationFactor, request.mayGrow);
    await this.#registry.register(this.#subjects, request.mayBreak);
    if (request.acls) await applyPermissions(kafka, declaredPermissions(), request.revoke);
  }
}

/** Topics that look like ours and that no contract declares any more: a consumer's own, and those with a schema. */
function leftTopics(existing: readonly string[], subjects: readonly string[]): string[] {
  const declared = new Set(declaredTopics().map(({ name }) => name));
  const schemas = new Set(subjects);
  const endings = ownTopics('');
  return existing
    .filter((name) => !declared.has(name) && (schemas.has(`${name}-value`) || endings.some((ending) => name.endsWith(ending))))
    .sort()
    .map(
      (name) =>
        `topic ${name} is on Kafka and no contract declares it; it is left as it is, delete it if it was ours and nobody needs its events`,
    );
}
