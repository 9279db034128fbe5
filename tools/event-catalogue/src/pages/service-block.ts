import type { Catalogue, Service, Topic } from '../catalogue';
import { page, prose, table } from '../markdown';
import { reactionLink, topicLink } from './links';

export const BEGIN = '<!-- events:begin -->';
export const END = '<!-- events:end -->';

const EVENTS = '../../docs/events/';

/** What stands in the README of a service about its events: what it owns, publishes, consumes and answers. */
export function serviceBlock({ topics }: Catalogue, service: Service): string {
  const { name, owner, commands, manifest } = service;
  const published = topics.filter(({ publishers }) => publishers.includes(name));
  const consumed = topics.filter(({ consumers }) => consumers.some((consumer) => consumer.service === name));
  return page(
    BEGIN,
    `Owned by ${owner ? `**${owner.name}**, <${owner.contact}>` : '**nobody**'}. ${ownership(name, topics)}`,
    published.length > 0
      ? table(
          ['publishes', 'when'],
          published.map((topic) => [topicLink(topic.name, EVENTS), prose(topic.description)]),
        )
      : '',
    consumed.length > 0
      ? table(
          ['consumes', 'by'],
          consumed.map((topic) => [topicLink(topic.name, EVENTS), reactionOf(topic, name)]),
        )
      : '',
    commands.length > 0
      ? table(
          ['answers', manifest?.answers ? 'what is asked' : 'what is asked (declared, does not answer yet)'],
          commands.map((command) => [`\`${command.name}\``, `${prose(command.description)} Asked by ${command.callers.join(', ')}.`]),
        )
      : '',
    END,
  );
}

function ownership(service: string, topics: readonly Topic[]): string {
  const declared = topics.filter(({ producer }) => producer === service).length;
  if (declared === 0) return `It owns none of the [topics](${EVENTS}README.md).`;
  return `It alone may publish on ${declared === 1 ? 'one' : declared} of the [topics](${EVENTS}README.md).`;
}

function reactionOf({ consumers }: Topic, service: string): string {
  return consumers
    .filter((consumer) => consumer.service === service)
    .map((consumer) => reactionLink(consumer, ''))
    .join(', ');
}

/**
 * Puts the block where it belongs in a README: between its marks, or at the end of one that has none.
 * @throws Error if only one of the marks is there, or they stand the wrong way round
 */
export function withBlock(readme: string, block: string, path: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 && end < 0) return `${readme.trimEnd()}\n\n${block}`;
  if (begin < 0 || end < begin) throw new Error(`${path} has to hold ${BEGIN} and, after it, ${END}; write both, or take both out.`);
  return readme.slice(0, begin) + block.trimEnd() + readme.slice(end + END.length);
}
