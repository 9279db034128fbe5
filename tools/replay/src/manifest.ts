import { allTopics } from '@past-tense/contracts';
import { eventsOf, staysInside, type AnyReaction, type ReactionClass } from '@past-tense/messaging';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Complaint, ROOT } from '@past-tense/local';

interface Messages {
  readonly publishes: readonly { readonly typeName: string }[];
  readonly reactions: readonly ReactionClass<never>[];
  readonly projection?: boolean;
}

const load = createRequire(__filename);

/** What a consumer does when it hears of something, as its manifest says. */
export class Manifest {
  readonly #messages: Messages;

  /** @throws Complaint if the service has no manifest that can be read */
  constructor(readonly consumer: string) {
    const file = join('apps', consumer, 'dist', `${consumer}.messages.js`);
    try {
      const found = Object.values(load(join(ROOT, file)) as Record<string, unknown>).find(isManifest);
      if (!found) throw new Error('it exports none');
      this.#messages = found;
    } catch (error) {
      throw new Complaint(
        `The manifest of ${consumer} (${file}) cannot be read: ${(error as Error).message.split('\n')[0]}. Run: npm run build`,
      );
    }
  }

  /** Names of the reactions to the events on some topics. */
  reactionsTo(topics: readonly string[]): string[] {
    const types = new Set(allTopics().flatMap(({ name, eventType }) => (topics.includes(name) ? [eventType] : [])));
    return this.#messages.reactions
      .filter((reaction) => eventsOf(reaction).some(({ typeName }) => types.has(typeName)))
      .map(({ name }) => name);
  }

  /** @throws Complaint if the consumer may not be derived again, saying why */
  requireProjection(): void {
    const { publishes, reactions, projection } = this.#messages;
    if (projection) return;
    const calling = reactions.filter(({ prototype }) => !staysInside(prototype as AnyReaction<never>)).map(({ name }) => name);
    const why = [
      ...(calling.length > 0 ? [`${calling.join(' and ')} would call outside again`] : []),
      ...(publishes.length > 0 ? [`it would publish ${publishes.map(({ typeName }) => typeName).join(', ')} again`] : []),
    ];
    throw new Complaint(
      `${this.consumer} is not derived again: ${why.join(', and ') || 'its manifest does not declare it to be a projection'}. Leave --generation out: then dedup holds, and only what was missed takes effect.`,
    );
  }
}

function isManifest(exported: unknown): exported is Messages {
  const { publishes, reactions } = (exported ?? {}) as Partial<Messages>;
  return Array.isArray(publishes) && Array.isArray(reactions);
}
