export { Child } from './child';
export { Complaint } from './complaint';
export { ensureJars, type Jars } from './java';
export { Kafka } from './kafka';
export { orderOf, type Wish } from './follow-order';
export { freePort } from './ports';
export { Postgres } from './postgres';
export { Registry } from './registry';
export { ROOT, SERVICE_PORTS, SERVICES, Stack, type ServiceName, type StackOptions } from './stack';
