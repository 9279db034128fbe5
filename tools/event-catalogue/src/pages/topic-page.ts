import { deadLetterTopic } from '@past-tense/messaging';
import type { Catalogue, Topic } from '../catalogue';
import { CONTRACTS } from '../image';
import { fence, GENERATED_PAGE, page, prose, table } from '../markdown';
import { stateOf } from '../version-state';
import { reactionLink, serviceLink, TO_ROOT, topicLink } from './links';
import { aboutMessage, payloadTables } from './payload-tables';

/** The page of one topic: what there is to know before one uses it. */
export function topicPage({ contract }: Catalogue, topic: Topic): string {
  return page(
    GENERATED_PAGE,
    `# ${topic.name}`,
    prose(topic.description),
    facts(topic),
    '## Consumers',
    consumers(topic),
    '## Payload',
    aboutMessage(contract, topic.message),
    payloadTables(contract, topic.message, topic.key),
    '## Versions',
    versions(topic),
    '## Example',
    example(topic),
    '## When something is wrong',
    runbooks(topic),
    '[All topics](README.md)',
  );
}

function facts(topic: Topic): string {
  const { owner, publishers, proto, key, eventType } = topic;
  const file = `${CONTRACTS}/proto/${proto}`;
  return table(
    ['', ''],
    [
      ['event type', `\`${eventType}\``],
      ['state', stateOf(topic, topic.versions)],
      ['owner', owner ? `**${owner.name}**, <${owner.contact}>` : '**nobody**'],
      ['published by', publishers.map(serviceLink).join(', ') || '**nobody**'],
      ['key', `\`${key}\`, the id of the aggregate; the events of one aggregate stay in order`],
      ['partitions', `${topic.partitions}, for good: another number would send an aggregate's later events elsewhere`],
      ['retention', `${topic.retentionDays} days`],
      ['cleanup', topic.cleanup === 'compact' ? `compact: ${prose(topic.compactionReason ?? '')}` : 'delete'],
      ['lag objective', `${topic.lagSloSeconds} s; who is further behind is reported to the owner`],
      ['contract', `[${file}](${TO_ROOT}/${file})`],
    ],
  );
}

function consumers({ consumers: all }: Topic): string {
  if (all.length === 0) return 'Nobody consumes it, and nobody is declared to.';
  return table(
    ['service', 'what it does', 'dead letters'],
    all.map((consumer) => [
      serviceLink(consumer.service),
      reactionLink(consumer, `${TO_ROOT}/apps/${consumer.service}/`),
      consumer.by ? `\`${deadLetterTopic(consumer.service)}\`` : '',
    ]),
  );
}

function versions({ name, versions: all }: Topic): string {
  const rows = all.map((version) => [
    String(version.version),
    version.name === name ? `\`${name}\`` : topicLink(version.name),
    `\`${version.message.typeName}\``,
    stateOf(version, all),
  ]);
  const several = all.length > 1 ? 'They state the same facts. Who consumes more than one of them gets each fact once.' : '';
  return page(table(['version', 'topic', 'event type', 'state'], rows), several).trimEnd();
}

function example({ example: given, key }: Topic): string {
  if (!given) return 'There is none yet.';
  return page(
    `The headers, as the [envelope](../envelope.md) says; the key of the message is \`${key}\`:`,
    fence('json', JSON.stringify(given.headers, null, 2)),
    'The payload, as proto JSON writes it. On the topic it is Protobuf:',
    fence('json', JSON.stringify(given.payload, null, 2)),
  ).trimEnd();
}

function runbooks({ lagSloSeconds }: Topic): string {
  return [
    `- A consumer is more than ${lagSloSeconds} s behind: [consumer lag](../runbooks/consumer-lag.md).`,
    '- An event could not be consumed: [dead letters](../runbooks/dead-letters.md).',
    '- Events are recorded and do not arrive: [the outbox](../runbooks/outbox-ageing.md).',
  ].join('\n');
}
