import { eventsOf, type ReactionClass } from '@past-tense/messaging';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

/** A reaction, and the event it reacts to. */
export interface Consumption {
  /** For example `order.v1.OrderPlaced`. */
  readonly eventType: string;
  /** Name of the class, for example `CapturePaymentWhenOrderPlaced`. */
  readonly reaction: string;
  /** Its file, relative to the folder of the service, if it is where reactions are. */
  readonly file?: string;
}

/** What a service says it publishes, consumes and answers. */
export interface Manifest {
  /** Name of the service: its folder under apps/. */
  readonly service: string;
  /** Types of the events it publishes. */
  readonly publishes: readonly string[];
  readonly consumes: readonly Consumption[];
  /** Whether it answers commands. Boot sees to it that one who answers any answers all that are declared for it. */
  readonly answers: boolean;
}

/** Where the manifests are read from: what was compiled, or, where TypeScript can be loaded, the sources. */
export type ManifestForm = 'compiled' | 'source';

interface Messages {
  readonly publishes: readonly { readonly typeName: string }[];
  readonly reactions: readonly ReactionClass<never>[];
  readonly answers?: readonly unknown[];
}

const load = createRequire(__filename);

/**
 * Reads the manifest of every service under apps/ that has one.
 * @param root folder of the repository
 * @throws Error in one sentence: a service is not compiled, or its manifest does not say what it should
 */
export function readManifests(root: string, form: ManifestForm): Manifest[] {
  const apps = join(root, 'apps');
  return readdirSync(apps)
    .sort()
    .flatMap((service) => manifestsOf(join(apps, service)).map((file) => readManifest(root, service, file, form)));
}

function manifestsOf(app: string): string[] {
  const source = join(app, 'src');
  return existsSync(source) ? readdirSync(source).filter((file) => file.endsWith('.messages.ts')) : [];
}

function readManifest(root: string, service: string, file: string, form: ManifestForm): Manifest {
  const app = join(root, 'apps', service);
  const path = form === 'source' ? join(app, 'src', file) : join(app, 'dist', file.replace(/\.ts$/, '.js'));
  const shown = relative(root, path);
  if (!existsSync(path)) throw new Error(`${shown} is missing because ${service} is not compiled. Run: npx tsc -b`);
  const messages = Object.values(load(path) as Record<string, unknown>).find(isManifest);
  if (!messages) throw new Error(`${shown} exports no manifest; it has to export one object with \`publishes\` and \`reactions\`.`);
  return {
    service,
    publishes: messages.publishes.map(({ typeName }) => typeName),
    consumes: messages.reactions.flatMap((reaction) => consumptionsOf(app, reaction)),
    answers: (messages.answers ?? []).length > 0,
  };
}

function isManifest(exported: unknown): exported is Messages {
  const { publishes, reactions } = (exported ?? {}) as Partial<Messages>;
  return Array.isArray(publishes) && Array.isArray(reactions);
}

function consumptionsOf(app: string, reaction: ReactionClass<never>): Consumption[] {
  const file = `src/reactions/${wordsOf(reaction.name).join('-')}.ts`;
  return eventsOf(reaction).map(({ typeName }) => ({
    eventType: typeName,
    reaction: reaction.name,
    ...(existsSync(join(app, file)) && { file }),
  }));
}

/** The words of a class's name, in lower case: `capture`, `payment`, `when`, `order`, `placed`. */
export function wordsOf(name: string): string[] {
  return name.split(/(?<=[a-z0-9])(?=[A-Z])/).map((word) => word.toLowerCase());
}
