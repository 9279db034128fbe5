import type { TopicConsumer } from '../catalogue';
import { wordsOf } from '../manifests';

/** From docs/events to the folder of the repository. */
export const TO_ROOT = '../..';

/** A link to the page of a topic, from a page beside it. */
export function topicLink(name: string, folder = ''): string {
  return `[\`${name}\`](${folder}${name}.md)`;
}

/** A service, linked to its README. */
export function serviceLink(name: string): string {
  return `[${name}](${TO_ROOT}/apps/${name}/README.md)`;
}

/** What a consumer does, linked to where it does it; `home` leads to the folder of the service. */
export function reactionLink({ by }: TopicConsumer, home: string): string {
  if (!by) return 'declared, does not consume yet';
  const words = wordsOf(by.reaction).join(' ');
  return by.file ? `[${words}](${home}${by.file})` : words;
}
