import {
  COMPATIBILITY_RULE,
  losesData,
  partitionsRefused,
  refusal,
  retentionInWords,
  type Permission,
  type SubjectPlan,
  type TopicDifference,
} from '@past-tense/messaging';
import type { Request } from './request';

/** One thing that is to change, in words. */
export interface Step {
  readonly would: string;
  readonly did: string;
  /** Why it is not done. */
  readonly refused?: string;
  /** What to say on the command line to have it done all the same; undefined if nothing helps. */
  readonly flag?: string;
}

const OPERATIONS: Record<Permission['operation'], string> = {
  read: 'read',
  write: 'write to',
  describe: 'look at',
  'describe-configs': 'see the settings of',
  delete: 'delete',
};

/** What is to change about the topics. */
export function topicSteps(differences: readonly TopicDifference[], request: Request): Step[] {
  return differences.map((difference) => {
    if (difference.kind === 'missing') return created(difference);
    return difference.kind === 'partitions' ? grown(difference, differences, request) : altered(difference, request);
  });
}

/** What is to change about the schemas and their rules. */
export function subjectSteps(plans: readonly SubjectPlan[], { mayBreak }: Request): Step[] {
  return plans.flatMap(({ subject, newVersion, otherRule, refused }) => [
    ...(newVersion === undefined
      ? []
      : [registered(subject, newVersion, refused && !mayBreak.has(subject) ? (otherRule ?? COMPATIBILITY_RULE) : undefined)]),
    ...(otherRule === undefined || newVersion === 1 ? [] : [ruled(subject, otherRule)]),
  ]);
}

/** Permissions that no contract declares any more, and that stay until somebody says so: services of an older build may be working with them. */
export function surplusNotes(surplus: readonly Permission[]): string[] {
  return surplus.map(
    (permission) =>
      `${permission.user} is still allowed ${inWords(permission)}, which no contract declares; say --revoke when no service of an older build needs it`,
  );
}

/** What is to change about the permissions. */
export function permissionSteps(missing: readonly Permission[], surplus: readonly Permission[]): Step[] {
  return [
    ...missing.map((permission) => ({
      would: `${permission.user} would be allowed ${inWords(permission)}`,
      did: `${permission.user} was allowed ${inWords(permission)}`,
    })),
    ...surplus.map((permission) => ({
      would: `${permission.user} would no longer be allowed ${inWords(permission)}`,
      did: `${permission.user} is no longer allowed ${inWords(permission)}`,
    })),
  ];
}

function inWords({ operation, resource, name, prefixed }: Permission): string {
  return `to ${OPERATIONS[operation]} ${prefixed ? `every ${resource} that begins with` : resource} ${name}`;
}

function created({ spec: { name, partitions, retentionMs, cleanup } }: TopicDifference): Step {
  const how = `${partitions} partitions, kept ${retentionInWords(retentionMs)}, ${cleanup}`;
  return { would: `topic ${name} would be created: ${how}`, did: `topic ${name} was created: ${how}` };
}

type Kind<K extends TopicDifference['kind']> = Extract<TopicDifference, { kind: K }>;

function grown(difference: Kind<'partitions'>, differences: readonly TopicDifference[], { mayGrow }: Request): Step {
  const { spec, found } = difference;
  const { name, partitions } = spec;
  const step = {
    would: `topic ${name} would have ${partitions} partitions instead of ${found}`,
    did: `topic ${name} has ${partitions} partitions now, ${found} before`,
  };
  if (partitions < found) return { ...step, refused: partitionsRefused(spec, found) };
  if (mayGrow.has(name)) return step;
  // A consumer's own topics have the width of the widest topic that it consumes: that one is to be named.
  const widest = differences.find(
    ({ kind, spec: other }) => kind === 'partitions' && !isOwn(other.name) && other.partitions === partitions,
  );
  const flag = `--allow-more-partitions ${isOwn(name) ? (widest?.spec.name ?? name) : name}`;
  return { ...step, flag, refused: `${partitionsRefused(spec, found)} If nothing of that matters, say ${flag}.` };
}

function altered(difference: Kind<'setting'>, { mayLose }: Request): Step {
  const { spec, setting, found, wanted } = difference;
  const { name } = spec;
  const [what, from, to] =
    setting === 'retention.ms'
      ? ['retention', ...spans(Number(found), Number(wanted))]
      : [setting === 'cleanup.policy' ? 'cleanup' : setting, found || 'nothing', wanted];
  if (!losesData(difference))
    return { would: `${what} of ${name} would go from ${from} to ${to}`, did: `${what} of ${name} went from ${from} to ${to}` };
  const lost = wanted === 'compact' ? 'all but the last event of each key' : `events older than ${retentionInWords(spec.retentionMs)}`;
  const step = {
    would: `${what} of ${name} would go from ${from} to ${to}: ${lost} would be lost`,
    did: `${what} of ${name} went from ${from} to ${to}: ${lost} are lost`,
  };
  if (mayLose.has(name)) return step;
  const flag = `--allow-data-loss ${name}`;
  return { ...step, flag, refused: `${capital(step.would)}. If nobody needs them, say ${flag}.` };
}

/** `90` and `30 days`. */
function spans(found: number, wanted: number): [string, string] {
  const [from, to] = [retentionInWords(found), retentionInWords(wanted)];
  return [from.endsWith(' days') && to.endsWith(' days') ? from.replace(' days', '') : from, to];
}

function registered(subject: string, version: number, refusedBy: string | undefined): Step {
  const rule = version === 1 ? `, rule ${COMPATIBILITY_RULE}` : '';
  const step = { would: `subject ${subject} would get version ${version}${rule}`, did: `subject ${subject} got version ${version}${rule}` };
  return refusedBy === undefined ? step : { ...step, refused: refusal(subject, refusedBy), flag: `--allow-incompatible ${subject}` };
}

function ruled(subject: string, before: string): Step {
  return {
    would: `the rule of subject ${subject} would become ${COMPATIBILITY_RULE}; it is ${before}`,
    did: `the rule of subject ${subject} became ${COMPATIBILITY_RULE}; it was ${before}`,
  };
}

function isOwn(topic: string): boolean {
  return topic.includes('.');
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
