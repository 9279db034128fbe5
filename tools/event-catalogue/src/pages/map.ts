import type { Catalogue, Service, Topic } from '../catalogue';

// Colours that can be read on a light and on a dark page.
const STYLES = [
  'classDef service fill:#1f4e79,stroke:#1f4e79,color:#ffffff',
  'classDef topic fill:#fff4d6,stroke:#b8860b,color:#222222',
  'classDef command fill:#f3e8fb,stroke:#7b3fa0,color:#222222',
];

/**
 * The map of services and topics, for Mermaid. Topics that go from the same publishers to the same consumers share a node, or the arrows could
 * not be told apart. https://mermaid.js.org/syntax/flowchart.html
 */
export function map({ topics, services }: Catalogue): string {
  const answering = services.filter(({ commands }) => commands.length > 0);
  return [
    'flowchart LR',
    ...services.map(({ name }) => `${serviceNode(name)}["${name}"]:::service`),
    ...bundles(topics).flatMap(bundleLines),
    ...(answering.length > 0
      ? ['subgraph channel["commands: gRPC, may be refused"]', ...answering.map(commandNode).map(indented), 'end']
      : []),
    ...answering.flatMap(commandArrows),
    ...STYLES,
  ]
    .map((line, i) => (i === 0 ? line : indented(line)))
    .join('\n');
}

interface Bundle {
  readonly names: string[];
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Topics with the same publishers and the same consumers, together. */
function bundles(topics: readonly Topic[]): Bundle[] {
  const found = new Map<string, Bundle>();
  for (const { name, publishers, consumers } of topics) {
    const to = consumers.filter(({ by }) => by).map(({ service }) => service);
    const path = `${publishers.join()}>${to.join()}`;
    const bundle = found.get(path) ?? { names: [], from: publishers, to };
    bundle.names.push(name);
    found.set(path, bundle);
  }
  return [...found.values()];
}

function bundleLines({ names, from, to }: Bundle): string[] {
  const node = `topic_${idOf(names[0]!)}`;
  return [
    `${node}(["${names.join('<br/>')}"]):::topic`,
    ...(from.length > 0 ? [`${from.map(serviceNode).join(' & ')} --> ${node}`] : []),
    ...(to.length > 0 ? [`${node} --> ${to.map(serviceNode).join(' & ')}`] : []),
  ];
}

function commandNode({ name, commands }: Service): string {
  return `${channelNode(name)}{{"${commands.map((command) => command.name).join('<br/>')}"}}:::command`;
}

function commandArrows({ name, commands }: Service): string[] {
  const callers = [...new Set(commands.flatMap((command) => command.callers))];
  return [`${callers.map(serviceNode).join(' & ')} -. asks .-> ${channelNode(name)}`, `${channelNode(name)} -.-> ${serviceNode(name)}`];
}

// With a prefix, because a few words (end, default) mean something to Mermaid.
const serviceNode = (name: string) => `service_${idOf(name)}`;
const channelNode = (name: string) => `commands_${idOf(name)}`;
const idOf = (name: string) => name.replace(/\W/g, '_');
const indented = (line: string) => `  ${line}`;
