import type { DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import { commandServices, services, teams, topics } from './gen/catalogue';

/** A team that owns topics and is paged for them. */
export interface Team {
  readonly name: string;
  readonly contact: string;
}

/** A service that takes part in events or commands. */
export interface Service {
  readonly name: string;
  readonly owner: string;
  /** Milliseconds for which it remembers the events it processed; 0 if it consumes none. */
  readonly remembersMs: number;
  /** Milliseconds for which it may hold an event before it processes it: waiting early, and all retry tiers; 0 if it consumes none. */
  readonly holdsMs: number;
}

/** The topic of one version of an event, as its .proto file declares it. */
export interface Topic {
  readonly name: string;
  /** The event on it, for example `order.v1.OrderPlaced`. */
  readonly eventType: string;
  /** The version in it: 1, 2 and so on. */
  readonly version: number;
  /** Describes the event's payload. */
  readonly event: DescMessage;
  /** Name of the owning team. */
  readonly owner: string;
  /** The fact in one sentence. */
  readonly description: string;
  /** Property of the payload that holds the aggregate's id; its value is the Kafka key. */
  readonly key: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly cleanup: 'delete' | 'compact';
  /** Milliseconds a consumer may lag before the owner is alerted. */
  readonly lagSloMs: number;
  /** The one service that may produce. */
  readonly producer: string;
  /** Services that may consume. */
  readonly consumers: readonly string[];
  /** Day on which the version was declared to be replaced, if it was. */
  readonly deprecatedSince?: string;
  /** The .proto file, relative to `proto/`. */
  readonly proto: string;
}

/** One command: an rpc of a service of commands. */
export interface DeclaredCommand {
  /** What is to be done, for example `CancelShipment`. */
  readonly name: string;
  /** The same in one sentence. */
  readonly description: string;
  readonly method: DescMethod;
}

/** The commands that one service answers, as their .proto file declares them. */
export interface CommandService {
  /** For example `shipping.v1.ShippingCommands`. */
  readonly name: string;
  readonly service: DescService;
  readonly description: string;
  /** The one service that answers. */
  readonly receiver: string;
  /** Services that may send. */
  readonly callers: readonly string[];
  /** What a caller's token must allow. */
  readonly scope: string;
  readonly commands: readonly DeclaredCommand[];
  /** The .proto file, relative to `commands/`. */
  readonly proto: string;
}

const byEventType = new Map(topics.map((topic) => [topic.eventType, topic]));

/** Every declared topic, by name. */
export function allTopics(): readonly Topic[] {
  return topics;
}

/**
 * The topic an event travels on.
 * @throws Error if no topic is declared for it
 */
export function topicOf(event: DescMessage): Topic {
  const topic = byEventType.get(event.typeName);
  if (!topic) throw new Error(`${event.typeName} is not an event: no topic is declared for it in libs/contracts/proto.`);
  return topic;
}

/** The topic of an event type such as `order.v1.OrderPlaced`, or undefined if nobody declared it. */
export function topicOfType(eventType: string): Topic | undefined {
  return byEventType.get(eventType);
}

/** The name that all versions of an event share, for example `order.OrderPlaced`. */
export function factNameOf({ eventType, version }: Topic): string {
  return eventType.replace(`.v${version}.`, '.');
}

/** Every declared service of commands, by name. */
export function allCommandServices(): readonly CommandService[] {
  return commandServices;
}

/**
 * The service of commands that an rpc belongs to.
 * @throws Error if it belongs to none
 */
export function commandServiceOf(method: DescMethod): CommandService {
  const found = commandServices.find(({ name }) => name === method.parent.typeName);
  if (!found)
    throw new Error(`${method.parent.typeName}.${method.name} is not a command: its service is not declared in libs/contracts/commands.`);
  return found;
}

/** Every declared service, by name. */
export function allServices(): readonly Service[] {
  return Object.values(services);
}

/** Every declared team. */
export function allTeams(): readonly Team[] {
  return Object.values(teams);
}

/**
 * A declared service.
 * @throws Error if there is none of that name
 */
export function serviceNamed(name: string): Service {
  const service = (services as Record<string, Service>)[name];
  if (!service) throw new Error(`No service "${name}" is declared in ownership.proto; known are ${Object.keys(services).join(', ')}.`);
  return service;
}
