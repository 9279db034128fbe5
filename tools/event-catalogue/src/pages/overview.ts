import { isUnheard, type Catalogue, type Topic } from '../catalogue';
import { fence, GENERATED_PAGE, page, prose, table } from '../markdown';
import { stateOf } from '../version-state';
import { serviceLink, topicLink } from './links';
import { map } from './map';

const HOW_TO_READ = `Each topic carries one event, a fact in the past tense, and has a page: who owns it, who says it, who listens, its schema and an example.
Names and fields are as the \`.proto\` files have them; proto JSON and TypeScript write \`order_id\` as \`orderId\`. Every event travels in the
[envelope](../envelope.md). Owner, schema and settings are what the contracts declare; who publishes and who consumes is what the services' manifests say.
For tools there is an [AsyncAPI 3 document](asyncapi.json).`;

const HOW_TO_CHANGE = `Something new to say: [add an event](../how-to/add-an-event.md). These pages are generated: \`npm run events:generate\` brings them up to date, and
\`npm run events:check\` says which are not.`;

const HOW_TO_SEE = `Boxes are services, rounded boxes the topics between them. Dotted arrows are no events: they are [commands](../commands.md), which travel on another
channel and may be refused.`;

/** The first page: all topics, the map, and what is noteworthy. */
export function overview(catalogue: Catalogue): string {
  const { topics } = catalogue;
  const unheard = topics.filter(isUnheard);
  return page(
    GENERATED_PAGE,
    '# Events',
    HOW_TO_READ,
    '## Topics',
    table(['topic', 'fact', 'owner', 'published by', 'consumed by', 'version'], topics.map(row)),
    unheard.length > 0 ? `Nobody consumes ${unheard.map(({ name }) => topicLink(name)).join(', ')}.` : '',
    '## Map',
    HOW_TO_SEE,
    fence('mermaid', map(catalogue)),
    '## Changing it',
    HOW_TO_CHANGE,
  );
}

function row(topic: Topic): string[] {
  const { name, description, owner, publishers, consumers, version, versions } = topic;
  return [
    topicLink(name),
    prose(description),
    owner?.name ?? '**nobody**',
    publishers.map(serviceLink).join(', ') || '**nobody**',
    consumers.map(({ service, by }) => serviceLink(service) + (by ? '' : ' (declared, does not consume yet)')).join(', ') || '**nobody**',
    `v${version}, ${stateOf(topic, versions)}`,
  ];
}
