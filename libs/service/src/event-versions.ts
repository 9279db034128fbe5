import { factNameOf, type Topic } from '@past-tense/contracts';
import type { Stage } from '@past-tense/messaging';

// Examples of the two settings, for whoever got one wrong.
const PUBLISHED_EXAMPLE = 'order.OrderPlaced=v1+v2';
const CONSUMED_EXAMPLES = 'order.OrderPlaced=v1, =shadow:v2, =canary:v2:10 (percent) or =v2';

/**
 * The event types that a service states and does not publish: of each event it is the oldest version that is published, unless the setting names others.
 * @param setting for example `order.OrderPlaced=v1+v2`
 * @throws Error in one sentence if the setting names what the service does not publish
 */
export function withheldTypes(service: string, published: readonly Topic[], setting: readonly string[]): Set<string> {
  refuseTwice('PUBLISHED_VERSIONS', setting);
  const chosen = new Map(
    setting.map((entry) => {
      const [, name = '', versions = ''] = /^([\w.]+)=(v\d+(?:\+v\d+)*)$/.exec(entry) ?? [];
      const stated = versionsIn(published, name);
      const numbers = versions.split('+').map((version) => Number(version.slice(1)));
      if (stated.length === 0 || !numbers.every((number) => stated.includes(number)))
        throw new Error(wrong('PUBLISHED_VERSIONS', entry, `${service} states ${described(published)}`, PUBLISHED_EXAMPLE));
      return [name, numbers];
    }),
  );
  return new Set(
    published
      .filter((topic) => {
        const name = factNameOf(topic);
        return !(chosen.get(name) ?? [versionsIn(published, name)[0]]).includes(topic.version);
      })
      .map(({ eventType }) => eventType),
  );
}

/**
 * Which version takes effect of each event that a service consumes in several: the oldest, unless the setting says otherwise.
 * @param setting for example `order.OrderPlaced=canary:v2:10`
 * @param canShadow whether the reaction to an event can be done in shadow
 * @throws Error in one sentence if the setting names what the service does not consume, or what cannot be done in shadow
 */
export function stagesOf(
  service: string,
  consumed: readonly Topic[],
  setting: readonly string[],
  canShadow: (topic: Topic) => boolean,
): Map<string, Stage> {
  refuseTwice('CONSUMED_VERSIONS', setting);
  const names = [...new Set(consumed.map(factNameOf))].filter((name) => versionsIn(consumed, name).length > 1);
  const stages = new Map<string, Stage>(names.map((name) => [name, { kind: 'only', version: versionsIn(consumed, name)[0]! }]));
  for (const entry of setting) {
    const [, name = '', text = ''] = /^([\w.]+)=(.+)$/.exec(entry) ?? [];
    const stage = stageFrom(text, versionsIn(consumed, name));
    if (!stage) throw new Error(wrong('CONSUMED_VERSIONS', entry, `${service} reacts to ${described(consumed)}`, CONSUMED_EXAMPLES));
    const shadowed = consumed.find((topic) => factNameOf(topic) === name && topic.version === stage.version)!;
    if (stage.kind === 'shadow' && !canShadow(shadowed))
      throw new Error(
        `CONSUMED_VERSIONS has "${entry}", but the reaction of ${service} to ${shadowed.eventType} has no outcome() and undo(); add them (Shadowed in @past-tense/messaging), or go on with canary.`,
      );
    stages.set(name, stage);
  }
  return stages;
}

function refuseTwice(name: string, setting: readonly string[]): void {
  const events = setting.map((entry) => entry.split('=')[0]!);
  const twice = events.find((event, i) => events.indexOf(event) !== i);
  if (twice) throw new Error(`${name} names ${twice} twice; say once what is to hold.`);
}

function stageFrom(text: string, versions: readonly number[]): Stage | undefined {
  const [, kind, number, percent] = /^(?:(shadow|canary):)?v(\d+)(?::(\d+))?$/.exec(text) ?? [];
  const version = Number(number);
  const old = versions[versions.indexOf(version) - 1];
  if (!versions.includes(version) || (percent !== undefined) !== (kind === 'canary')) return undefined;
  if (kind === undefined) return { kind: 'only', version };
  if (old === undefined || Number(percent ?? 0) > 100) return undefined;
  return kind === 'shadow' ? { kind, old, version } : { kind: 'canary', old, version, percent: Number(percent) };
}

function versionsIn(topics: readonly Topic[], name: string): number[] {
  return topics
    .filter((topic) => factNameOf(topic) === name)
    .map(({ version }) => version)
    .sort((a, b) => a - b);
}

function described(topics: readonly Topic[]): string {
  const several = [...new Set(topics.map(factNameOf))].filter((name) => versionsIn(topics, name).length > 1);
  if (several.length === 0) return 'no event in several versions';
  return several
    .map(
      (name) =>
        `${name} in ${versionsIn(topics, name)
          .map((version) => `v${version}`)
          .join(' and ')}`,
    )
    .join(', ');
}

function wrong(setting: string, entry: string, fact: string, examples: string): string {
  return `${setting} has "${entry}", but ${fact}; it must look like ${examples}.`;
}
