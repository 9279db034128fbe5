import {
  createFileRegistry,
  getOption,
  hasOption,
  toJson,
  type DescExtension,
  type DescMessage,
  type FileRegistry,
} from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { getComments } from '@bufbuild/protoplugin';

/** A team, and the address that reaches the people on duty. */
export interface Team {
  readonly name: string;
  readonly contact: string;
}

/** A service as ownership.proto declares it. */
export interface DeclaredService {
  readonly name: string;
  readonly owner: Team | undefined;
  readonly description: string;
}

/** The topic of one version of an event. What its option leaves out is undefined: that is for the reader of the problems to hear. */
export interface DeclaredTopic {
  readonly name: string;
  readonly message: DescMessage;
  /** The version that stands in the event's package. */
  readonly version: number;
  /** What all versions of the event share, such as `order.OrderPlaced`. */
  readonly fact: string;
  readonly owner: Team | undefined;
  readonly description: string;
  /** Field of the .proto that holds the aggregate's id. */
  readonly key: string;
  readonly partitions: number;
  readonly retentionDays: number;
  readonly cleanup: 'delete' | 'compact';
  readonly compactionReason: string | undefined;
  readonly lagSloSeconds: number;
  /** The one service that may publish. */
  readonly producer: string | undefined;
  /** The services that may consume. */
  readonly mayConsume: readonly string[];
  /** Day on which the version was declared to be replaced, if it was. */
  readonly deprecatedSince: string | undefined;
  /** Path below libs/contracts/proto. */
  readonly proto: string;
}

/** A command: an rpc of the service that answers it. */
export interface DeclaredCommand {
  readonly name: string;
  readonly description: string;
  readonly receiver: string;
  readonly callers: readonly string[];
}

/** What the .proto files say. */
export interface Contract {
  readonly registry: FileRegistry;
  readonly services: readonly DeclaredService[];
  /** Every topic, by name. */
  readonly topics: readonly DeclaredTopic[];
  readonly commands: readonly DeclaredCommand[];
}

interface TopicOption {
  readonly name?: string;
  readonly owner?: string;
  readonly description?: string;
  readonly key?: string;
  readonly partitions?: number;
  readonly retentionDays?: number;
  readonly cleanup?: string;
  readonly compactionReason?: string;
  readonly lagSloSeconds?: number;
  readonly producer?: string;
  readonly consumers?: readonly string[];
  readonly deprecatedSince?: string;
}

const CONTRACT = 'past_tense.contract.v1';

/** Reads topics, services and commands from the compiled .proto files. */
export function readContract(image: FileDescriptorSet): Contract {
  const registry = createFileRegistry(image);
  const teams = declarations<Team>(registry, 'Team', 'team');
  const services = new Map(
    [...declarations<{ name: string; owner?: string }>(registry, 'Service', 'service')].map(([value, { name, owner, description }]) => [
      value,
      { name, owner: teams.get(owner ?? ''), description },
    ]),
  );
  const nameOf = (value: string) => services.get(value)?.name ?? value;
  return {
    registry,
    services: [...services.values()],
    topics: readTopics(registry, teams, nameOf),
    commands: readCommands(registry, nameOf),
  };
}

function readTopics(registry: FileRegistry, teams: ReadonlyMap<string, Team>, nameOf: (service: string) => string): DeclaredTopic[] {
  const option = extension(registry, 'topic');
  const events = [...registry.files].flatMap((file) => file.messages.filter((message) => hasOption(message, option)));
  return events
    .map((message) => {
      const declared = optionOf<TopicOption>(registry, option, message);
      const version = Number(/\.v(\d+)$/.exec(message.file.proto.package)?.[1] ?? 1);
      return {
        name: declared.name ?? message.typeName,
        message,
        version,
        fact: message.typeName.replace(`.v${version}.`, '.'),
        owner: teams.get(declared.owner ?? ''),
        description: declared.description ?? commentOf(message),
        key: declared.key ?? '',
        partitions: declared.partitions ?? 0,
        retentionDays: declared.retentionDays ?? 0,
        cleanup: declared.cleanup === 'CLEANUP_COMPACT' ? ('compact' as const) : ('delete' as const),
        compactionReason: declared.compactionReason,
        lagSloSeconds: declared.lagSloSeconds ?? 0,
        producer: declared.producer && nameOf(declared.producer),
        mayConsume: (declared.consumers ?? []).map(nameOf),
        deprecatedSince: declared.deprecatedSince,
        proto: `${message.file.name}.proto`,
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readCommands(registry: FileRegistry, nameOf: (service: string) => string): DeclaredCommand[] {
  const option = extension(registry, 'commands');
  const services = [...registry.files].flatMap((file) => file.services.filter((service) => hasOption(service, option)));
  return services.flatMap((service) => {
    const { receiver = '', callers = [] } = optionOf<{ receiver?: string; callers?: string[] }>(registry, option, service);
    return service.methods.map((method) => ({
      name: method.name,
      description: commentOf(method),
      receiver: nameOf(receiver),
      callers: callers.map(nameOf),
    }));
  });
}

/** The values of an enum that carry an option, with what it says and the comment above them, by the name of the value. */
function declarations<T>(registry: FileRegistry, enumName: string, optionName: string): Map<string, T & { description: string }> {
  const option = extension(registry, optionName);
  const values = registry.getEnum(`${CONTRACT}.${enumName}`)?.values.filter((value) => hasOption(value, option)) ?? [];
  return new Map(values.map((value) => [value.name, { ...optionOf<T>(registry, option, value), description: commentOf(value) }]));
}

/** An option of our own, or of protovalidate, as proto JSON; empty if it is not there. */
export function optionOf<T>(registry: FileRegistry, option: DescExtension, of: Parameters<typeof getOption>[0]): T {
  return toJson(option.message!, getOption(of, option) as never, { registry }) as T;
}

/** Whether a field says something about a person. */
export function isPersonal(registry: FileRegistry, field: Parameters<typeof getOption>[0]): boolean {
  return getOption(field, extension(registry, 'personal')) as boolean;
}

/** The services that may read a personal field, by name. */
export function readersOf(registry: FileRegistry, field: Parameters<typeof getOption>[0]): string[] {
  const declared = registry.getEnum(`${CONTRACT}.Service`)!;
  const option = extension(registry, 'service');
  const numbers = getOption(field, extension(registry, 'readers')) as number[];
  return numbers.map((number) => optionOf<{ name: string }>(registry, option, declared.value[number]!).name);
}

/** Day on which a field was declared to go, if it was. */
export function deprecatedSinceOf(registry: FileRegistry, field: Parameters<typeof getOption>[0]): string | undefined {
  return (getOption(field, extension(registry, 'deprecated_since')) as string) || undefined;
}

function extension(registry: FileRegistry, name: string): DescExtension {
  return requiredExtension(registry, `${CONTRACT}.${name}`);
}

/** @throws Error if the image does not hold the extension */
export function requiredExtension(registry: FileRegistry, name: string): DescExtension {
  const found = registry.getExtension(name);
  if (!found) throw new Error(`The contracts do not declare the option ${name}; the catalogue is generated from it.`);
  return found;
}

/** The comment above a declaration, as one line. */
export function commentOf(declaration: Parameters<typeof getComments>[0]): string {
  return (getComments(declaration).leading ?? '').trim().replace(/\s*\n\s*/g, ' ');
}
