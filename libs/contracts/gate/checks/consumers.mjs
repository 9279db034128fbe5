// For how long a consumer remembers what it processed: for as long as an event may come again. That is until the last day of its topic, on which
// it may be replayed, and from then on for as long as the consumer may hold it.
import { MAX_RETENTION_DAYS } from './events.mjs';

const OPTION = '(past_tense.contract.v1.service)';
const SERVICE = 'past_tense.contract.v1.Service';
/** As in the settings of a service (DEDUP_TTL_DAYS). */
const MAX_REMEMBERED_DAYS = 3650;

/**
 * Adds what a consumer has to say and does not.
 * @param {import('../contracts.mjs').Contracts} contracts
 * @param {import('../findings.mjs').Findings} findings
 */
export function checkConsumers(contracts, findings) {
  for (const { service, remembersDays, holdsDays, consumed } of consumersIn(contracts)) {
    const [longest] = consumed;
    const add = (setting, what, why, remedy) => findings.add(contracts.placeOf(service, setting), `${service.name} ${what}`, why, remedy);
    if (!remembersDays)
      add(
        undefined,
        `consumes ${longest.name} and must say for how many days it remembers what it processed`,
        'an event that comes again has to be recognised',
        `add \`remembers_days: ${longest.retentionDays + (holdsDays || 1)}\` or more to its ${OPTION} option`,
      );
    else if (remembersDays > MAX_REMEMBERED_DAYS)
      add(
        'remembers_days',
        `may not remember what it processed for ${remembersDays} days`,
        'each week of them is a partition in its database',
        `choose at most ${MAX_REMEMBERED_DAYS}`,
      );
    if (!holdsDays)
      add(
        undefined,
        `consumes ${longest.name} and must say for how many days it may hold an event`,
        'it has to remember what it processed for that much longer',
        `add \`holds_days: 1\`, or as many as its longest wait and all retry tiers take, to its ${OPTION} option`,
      );
  }
}

/**
 * Adds each consumer that forgets an event while it may still come again: at the topic, if the topic is what has changed since the release, or
 * else at the consumer.
 * @param {{contracts: object, baseline?: object, findings: object}} gate
 */
export function checkRemembered(gate) {
  for (const consumer of consumersIn(gate.contracts)) {
    const { remembersDays, holdsDays } = consumer;
    if (!remembersDays || !holdsDays) continue;
    const forgotten = consumer.consumed.filter(({ retentionDays }) => remembersDays < retentionDays + holdsDays);
    const before = releasedOf(gate, consumer);
    const changed = forgotten.map((topic) => changedOf(gate, consumer, before, topic));
    for (const [i, topic] of forgotten.entries()) if (changed[i]) addToTopic(gate, consumer, topic, changed[i]);
    const other = forgotten.find((_, i) => !changed[i]);
    if (other) addToConsumer(gate, consumer, before, other);
  }
}

function addToTopic({ contracts, findings }, { service, remembersDays, holdsDays }, { event, retentionDays }, setting) {
  const most = remembersDays - holdsDays;
  findings.add(
    contracts.placeOf(event, setting),
    `${event.name} may not be kept ${retentionDays} days`,
    `${service.name} remembers what it processed for ${remembersDays} days, of which it may hold an event for ${holdsDays}, and could not tell whether it processed one that is replayed late`,
    `${most > 0 ? `choose at most ${most}, or ` : ''}raise \`remembers_days\` of ${service.name} to ${retentionDays + holdsDays}`,
  );
}

function addToConsumer({ contracts, findings }, { service, remembersDays, holdsDays }, before, { name, retentionDays }) {
  const setting = before.remembersDays === remembersDays ? 'holds_days' : 'remembers_days';
  const most = remembersDays - retentionDays;
  findings.add(
    contracts.placeOf(service, setting),
    `${service.name} may not remember what it processed for only ${remembersDays} days`,
    `${name} keeps events ${retentionDays} days and it may hold one for ${holdsDays} more, so it could not tell whether it processed one that is replayed late`,
    `raise \`remembers_days\` to ${retentionDays + holdsDays}${most > 0 ? `, or lower \`holds_days\` to ${most}` : ''}`,
  );
}

/** What a topic says otherwise since its release, so that a consumer's memory, which was long enough for it, is so no longer. */
function changedOf({ contracts, baseline }, { service, remembersDays, holdsDays }, before, { event }) {
  const isShorter = remembersDays - holdsDays < before.remembersDays - before.holdsDays;
  if (!before.service || isShorter) return undefined;
  const released = baseline.registry.getMessage(event.typeName);
  const [was, is] = [released ? baseline.topicOf(released) : {}, contracts.topicOf(event)];
  if (!(is.retentionDays <= was.retentionDays)) return 'retention_days';
  return was.consumers?.includes(service.name) ? undefined : 'consumers';
}

/** What a consumer declared when it was released; nothing if it was not. */
function releasedOf({ baseline }, { service: { number } }) {
  const service = baseline?.registry.getEnum(SERVICE)?.value[number];
  return { service, ...(service && baseline.declared(service, 'service')) };
}

/** Every service that consumes, with what it declares and its topics, those first that keep events longest. */
function consumersIn(contracts) {
  const services = contracts.registry.getEnum(SERVICE)?.values ?? [];
  return services.flatMap((service) => {
    const events = contracts.events.filter((event) => contracts.topicOf(event).consumers?.includes(service.name));
    if (service.number === 0 || events.length === 0) return [];
    const consumed = events.map((event) => ({ event, name: contracts.topicOf(event).name, retentionDays: retentionOf(contracts, event) }));
    consumed.sort((a, b) => b.retentionDays - a.retentionDays);
    return [{ service, ...contracts.declared(service, 'service'), consumed }];
  });
}

/** Days; none where what is declared is refused already. */
function retentionOf(contracts, event) {
  const { retentionDays = 0 } = contracts.topicOf(event);
  return retentionDays <= MAX_RETENTION_DAYS ? retentionDays : 0;
}
