import { allServices, allTopics } from '@past-tense/contracts';
import { deadLetterTopic, ownTopics, replayTopic, returnTopics } from '../queues';
import { declaredPermissions } from './acls';

const permissions = declaredPermissions();
const may = (user: string, operation: string, resource: string) =>
  permissions.filter((of) => of.user === user && of.operation === operation && of.resource === resource).map(({ name }) => name);
const everybody = allServices().map(({ name }) => name);
const byName = (names: readonly string[]) => [...names].sort((a, b) => a.localeCompare(b));

describe('the least that everybody needs on Kafka, from the contracts (P1)', () => {
  it.each(everybody)('%s writes what it publishes, reads what it consumes, and has its own topics and group', (name) => {
    const published = allTopics().flatMap((topic) => (topic.producer === name ? [topic.name] : []));
    const consumed = allTopics().flatMap((topic) => (topic.consumers.includes(name) ? [topic.name] : []));

    expect(may(name, 'write', 'topic')).toEqual(byName([...published, ...ownTopics(name).filter((own) => own !== replayTopic(name))]));
    expect(may(name, 'read', 'topic')).toEqual(byName([...consumed, ...returnTopics(name).keys(), replayTopic(name)]));
    expect(may(name, 'describe-configs', 'topic')).toEqual(byName([...new Set([...published, ...consumed, ...ownTopics(name)])]));
    expect(may(name, 'read', 'group')).toEqual([name]);
  });

  it('nobody but its producer writes to the topic of an event, and nobody reads dead letters', () => {
    for (const { name, producer } of allTopics())
      expect(permissions.filter((of) => of.operation === 'write' && of.name === name).map(({ user }) => user)).toEqual([producer]);
    expect(permissions.filter(({ operation, name }) => operation === 'read' && name.endsWith(deadLetterTopic('')))).toEqual([]);
  });

  it('lag-watch looks, and reads and writes nothing', () => {
    const ofWatch = permissions.filter(({ user }) => user === 'lag-watch');

    expect(new Set(ofWatch.map(({ operation }) => operation))).toEqual(new Set(['describe']));
    expect(may('lag-watch', 'describe', 'group')).toEqual(byName(everybody));
    expect(may('lag-watch', 'describe', 'topic')).toEqual(expect.arrayContaining(['order-placed', 'payments.retry-5s']) as string[]);
  });

  it('replay reads events and feeds them to consumers, and writes no event', () => {
    expect(may('replay', 'read', 'topic')).toEqual(byName(allTopics().map(({ name }) => name)));
    expect(may('replay', 'write', 'topic')).toEqual(byName(everybody.map(replayTopic)));
    expect(may('replay', 'describe-configs', 'topic')).toEqual(byName(everybody.map(replayTopic)));
    expect(may('replay', 'describe', 'group')).toEqual(byName(everybody));
    expect(permissions.filter(({ user, prefixed }) => user === 'replay' && prefixed)).toEqual([
      { user: 'replay', operation: 'delete', resource: 'group', name: 'replay.', prefixed: true },
      { user: 'replay', operation: 'read', resource: 'group', name: 'replay.', prefixed: true },
    ]);
  });

  it('each permission is there once, and only services and the programs have any', () => {
    const lines = permissions.map(({ user, operation, resource, name }) => `${user} ${operation} ${resource} ${name}`);

    expect(new Set(lines).size).toBe(lines.length);
    expect(new Set(permissions.map(({ user }) => user))).toEqual(
      new Set([...allServices().map(({ name }) => name), 'lag-watch', 'replay']),
    );
  });
});
