import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root';

/** The services, with their default ports, in the order in which a person meets them. */
export const SERVICE_PORTS = { orders: 3001, payments: 3002, shipping: 3003, tracking: 3004, sandbox: 3009 } as const;
export type ServiceName = keyof typeof SERVICE_PORTS;
/** The services of this repository: all of them, or one that was taken out of it (`nx g eject`) and whom it calls. */
export const SERVICES = (Object.keys(SERVICE_PORTS) as ServiceName[]).filter((name) => existsSync(join(ROOT, 'apps', name)));

/** How the name of a command channel ends that a service listens on beside its HTTP. */
export const COMMANDS = '_grpc';
/** What the services stand on, and the command channels beside their HTTP, with their default ports. */
export const PART_PORTS = { postgres: 15_432, kafka: 19_092, registry: 18_081, issuer: 3011, shipping_grpc: 3103 } as const;
export type PartName = keyof typeof PART_PORTS;

/** The outside world, which hears of no event. */
const OUTSIDE = 'sandbox';
/** Who may talk to Kafka where it asks: the services that take part in the events, and three programs. */
export type KafkaUser = Exclude<ServiceName, typeof OUTSIDE> | 'lag-watch' | 'replay' | 'catalogue';
export const KAFKA_USERS: readonly KafkaUser[] = [...SERVICES.filter((name) => name !== OUTSIDE), 'lag-watch', 'replay', 'catalogue'];
