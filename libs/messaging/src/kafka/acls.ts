import { allServices, allTopics } from '@past-tense/contracts';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
  type Admin,
  type DescribeAclResource,
} from 'kafkajs';
import { declaredConsumers } from '../declared-topics';
import { deadLetterTopic, ownTopics, READING_GROUPS, replayTopic } from '../queues';
import type { KafkaOptions } from './client';
import { rootCause, waitFor, withAdmin } from './kafkajs/client';

/** Something that one user may do on Kafka. */
export interface Permission {
  /** The user's name, without Kafka's `User:` before it. */
  readonly user: string;
  readonly operation: Operation;
  readonly resource: 'topic' | 'group';
  readonly name: string;
  /** Set if `name` is only how the names begin; for groups. */
  readonly prefixed?: true;
}

/** In what the permissions on Kafka differ from those that are declared. */
export interface PermissionDifference {
  readonly missing: readonly Permission[];
  /** What our own users may do on Kafka although no contract declares it. */
  readonly surplus: readonly Permission[];
  /** What others may do to what is ours, and what somebody has denied: in words, and left alone. */
  readonly notes: readonly string[];
}

const OPERATIONS = {
  read: AclOperationTypes.READ,
  write: AclOperationTypes.WRITE,
  describe: AclOperationTypes.DESCRIBE,
  delete: AclOperationTypes.DELETE,
  'describe-configs': AclOperationTypes.DESCRIBE_CONFIGS,
} as const;
type Operation = keyof typeof OPERATIONS;
const RESOURCES = { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP } as const;

/** The user of the program that watches the consumer groups from outside. */
const LAG_WATCH = 'lag-watch';
/** The user of the tools that feed a consumer events again. */
const REPLAY = 'replay';
const EVERY_HOST = '*';

/**
 * The least that the services, `lag-watch` and `replay` need on Kafka, by the contracts' word on who produces and who consumes (P1).
 *
 * A service writes to what it publishes and reads what it consumes; of its own topics it reads and writes those to which events come back, and
 * only writes to its dead letters: the tool for these works on the service's database. It sees the settings of all of them, because
 * it compares them with the contracts when it starts. To read and to write includes to describe. Our producer is not idempotent in Kafka's
 * sense and creates no topic, so nobody needs anything on the cluster.
 */
export function declaredPermissions(): Permission[] {
  return [...allServices().flatMap(({ name }) => permissionsOf(name)), ...watchPermissions(), ...replayPermissions()].sort((a, b) =>
    inOrder(a).localeCompare(inOrder(b)),
  );
}

/**
 * Compares the permissions on Kafka with the declared ones. Changes nothing.
 * @throws Error in one sentence if the brokers check no permissions, or let this process see none
 */
export async function comparePermissions(options: KafkaOptions, declared: readonly Permission[]): Promise<PermissionDifference> {
  return withAdmin(options, (admin) => compare(options, admin, declared));
}

/**
 * Grants the declared permissions that are missing. Applying it twice changes nothing.
 * @param revoke takes away those that our own users have besides; whoever still works with one of them is interrupted
 */
export async function applyPermissions(
  options: KafkaOptions,
  declared: readonly Permission[],
  revoke: boolean,
): Promise<PermissionDifference> {
  return withAdmin(options, async (admin) => {
    const difference = await compare(options, admin, declared);
    if (difference.missing.length > 0) await admin.createAcls({ acl: difference.missing.map(entryOf) });
    if (revoke && difference.surplus.length > 0) await admin.deleteAcls({ filters: difference.surplus.map(entryOf) });
    // A service that starts before the broker knows of its permissions would find no topic.
    await waitFor('the permissions as they are declared', async () => {
      const { missing, surplus } = await compare(options, admin, declared);
      return missing.length === 0 && (!revoke || surplus.length === 0);
    });
    return difference;
  });
}

function permissionsOf(user: string): Permission[] {
  const topics = allTopics();
  const consumed = topics.filter(({ consumers }) => consumers.includes(user)).map(({ name }) => name);
  const published = topics.filter(({ producer }) => producer === user).map(({ name }) => name);
  const own = consumed.length > 0 ? ownTopics(user) : [];
  const on = (operation: Operation, names: readonly string[]): Permission[] =>
    [...new Set(names)].map((name) => ({ user, operation, resource: 'topic', name }));
  return [
    ...on('write', [...published, ...own.filter((name) => name !== replayTopic(user))]),
    ...on('read', [...consumed, ...own.filter((name) => name !== deadLetterTopic(user))]),
    ...on('describe-configs', [...published, ...consumed, ...own]),
    ...(consumed.length > 0 ? [{ user, operation: 'read' as const, resource: 'group' as const, name: user }] : []),
  ];
}

/** To see how far a group is behind, its offsets and those of its topics are to be seen, and no event. */
function watchPermissions(): Permission[] {
  const groups = declaredConsumers();
  const consumed = allTopics().flatMap(({ name, consumers }) => (consumers.length > 0 ? [name] : []));
  const own = groups.flatMap((group) => ownTopics(group).filter((name) => name !== deadLetterTopic(group)));
  const on = (resource: Permission['resource'], names: readonly string[]): Permission[] =>
    names.map((name) => ({ user: LAG_WATCH, operation: 'describe', resource, name }));
  return [...on('topic', [...consumed, ...own]), ...on('group', groups)];
}

/** Who feeds events again reads every topic and writes to those on which a consumer gets them. A rebuild sees how far the consumer has got. */
function replayPermissions(): Permission[] {
  const on = (operation: Operation, names: readonly string[]): Permission[] =>
    names.map((name) => ({ user: REPLAY, operation, resource: 'topic', name }));
  const groups = (['read', 'delete'] as const).map((operation): Permission => ({
    user: REPLAY,
    operation,
    resource: 'group',
    name: READING_GROUPS,
    prefixed: true,
  }));
  return [
    ...on(
      'read',
      allTopics().map(({ name }) => name),
    ),
    ...on('write', declaredConsumers().map(replayTopic)),
    ...on('describe-configs', declaredConsumers().map(replayTopic)),
    ...declaredConsumers().map((name): Permission => ({ user: REPLAY, operation: 'describe', resource: 'group', name })),
    ...groups,
  ];
}

async function compare(options: KafkaOptions, admin: Admin, declared: readonly Permission[]): Promise<PermissionDifference> {
  const found = await allAcls(options, admin);
  const wanted = new Set(declared.map(inOrder));
  const users = new Set(declared.map(({ user }) => user));
  const present = new Set<string>();
  const surplus: Permission[] = [];
  const notes: string[] = [];
  for (const acl of found) {
    const permission = permissionOf(acl);
    if (permission && wanted.has(inOrder(permission))) present.add(inOrder(permission));
    else if (permission && users.has(permission.user)) surplus.push(permission);
    else if (users.has(nameOf(acl.principal)) || declared.some(({ resource, name }) => touches(acl, RESOURCES[resource], name)))
      notes.push(noted(acl));
  }
  return { missing: declared.filter((permission) => !present.has(inOrder(permission))), surplus, notes };
}

type Acl = Omit<DescribeAclResource, 'acls'> & DescribeAclResource['acls'][number];

async function allAcls(options: KafkaOptions, admin: Admin): Promise<Acl[]> {
  try {
    const { resources } = await admin.describeAcls({
      resourceType: AclResourceTypes.ANY,
      resourcePatternType: ResourcePatternTypes.ANY,
      operation: AclOperationTypes.ANY,
      permissionType: AclPermissionTypes.ANY,
    });
    return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
  } catch (error) {
    const where = options.brokers.join(', ');
    const { type } = rootCause(error);
    if (type === 'SECURITY_DISABLED')
      throw new Error(`Kafka at ${where} checks no permissions; leave --acls out, or give it an authorizer (npm start -- --authorizer).`, {
        cause: error,
      });
    if (type === 'CLUSTER_AUTHORIZATION_FAILED')
      throw new Error(
        `Kafka at ${where} does not let ${options.sasl?.username ?? 'this process'} see who may do what; apply the catalogue as a user that is in super.users.`,
        { cause: error },
      );
    throw error;
  }
}

/** The permission that an entry of Kafka's is, if it is one of the kind that we grant. */
function permissionOf({ principal, host, operation, permissionType, ...resource }: Acl): Permission | undefined {
  if (permissionType !== AclPermissionTypes.ALLOW || host !== EVERY_HOST) return undefined;
  const prefixed = resource.resourcePatternType === ResourcePatternTypes.PREFIXED && resource.resourceType === AclResourceTypes.GROUP;
  if (resource.resourcePatternType !== ResourcePatternTypes.LITERAL && !prefixed) return undefined;
  const named = nameIn(OPERATIONS, operation) as Operation | undefined;
  const kind = nameIn(RESOURCES, resource.resourceType) as Permission['resource'] | undefined;
  if (!named || !kind) return undefined;
  return { user: nameOf(principal), operation: named, resource: kind, name: resource.resourceName, ...(prefixed && { prefixed }) };
}

function entryOf({ user, operation, resource, name, prefixed }: Permission) {
  return {
    principal: `User:${user}`,
    host: EVERY_HOST,
    operation: OPERATIONS[operation],
    permissionType: AclPermissionTypes.ALLOW,
    resourceType: RESOURCES[resource],
    resourceName: name,
    resourcePatternType: prefixed ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
  };
}

function touches({ resourceType, resourceName, resourcePatternType }: Acl, type: AclResourceTypes, name: string): boolean {
  if (resourceType !== type) return false;
  if (resourcePatternType === ResourcePatternTypes.PREFIXED) return name.startsWith(resourceName);
  return resourceName === name || resourceName === '*';
}

function noted({ principal, host, operation, permissionType, resourceType, resourceName, resourcePatternType }: Acl): string {
  const may = permissionType === AclPermissionTypes.DENY ? 'is denied' : 'is allowed';
  const resource = inWords(AclResourceTypes, resourceType);
  const all = resourcePatternType === ResourcePatternTypes.PREFIXED ? `every ${resource} that begins with` : resource;
  const from = host === EVERY_HOST ? '' : ` from ${host}`;
  return `${principal} ${may} ${inWords(AclOperationTypes, operation)} on ${all} ${resourceName}${from}, which no contract declares; it is left as it is`;
}

/** kafkajs declares enums and has plain objects: there is no way back from the number but this one. */
function nameIn(types: object, number: number): string | undefined {
  return Object.entries(types).find(([, value]) => value === number)?.[0];
}

function inWords(types: object, number: number): string {
  return (nameIn(types, number) ?? 'something').toLowerCase().replaceAll('_', '-');
}

function nameOf(principal: string): string {
  return principal.replace(/^User:/, '');
}

function inOrder({ user, operation, resource, name, prefixed }: Permission): string {
  return `${user} ${resource} ${name}${prefixed ? '*' : ''} ${operation}`;
}
