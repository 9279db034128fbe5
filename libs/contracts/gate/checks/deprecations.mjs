// A deprecation says since when, and its date is neither in the future nor made up afterwards.
import { nameOf } from '../contracts.mjs';
import { daysAfter, isDay } from '../days.mjs';

/** Days between the release of a deprecation's date and the removal. */
export const NOTICE_DAYS = 90;

/**
 * @param {{contracts: object, baseline?: object, findings: object, today: string, releases: {date: string}[], releasing: boolean}} gate
 */
export function checkDeprecations({ contracts, baseline, findings, today, releases, releasing }) {
  const lastRelease = releases.at(-1)?.date;
  // The 90 days begin when a release says so: this one, or the next one that is still to come.
  const earliest = releasing ? today : lastRelease;
  const then = new Map();
  if (baseline) for (const { name, since } of deprecablesOf(baseline)) then.set(name, since);
  for (const { desc, name, deprecated, since, option } of deprecablesOf(contracts)) {
    if (!deprecated && !since) continue;
    const place = contracts.placeOf(desc, option === 'deprecated_since' ? undefined : 'deprecated_since');
    const add = (what, why, remedy) => findings.add(place, `${name} ${what}`, why, remedy);
    if (deprecated && !since)
      add(
        'is deprecated and needs a day',
        `nobody knows when it may go, which is after ${NOTICE_DAYS} days`,
        `set \`${option}\` to "${today}"`,
      );
    if (!deprecated && since) add(`may not have a ${option}`, 'it is not deprecated', 'add `deprecated = true`, or leave the day out');
    if (!since) continue;
    const released = then.get(name);
    if (!isDay(since)) add(`may not be deprecated since "${since}"`, 'that is no day', `write one like "${today}"`);
    else if (since > today) add(`may not be deprecated since ${since}`, `that is after today, ${today}`, `write "${today}"`);
    else if (released && since < released)
      add(
        `may not be deprecated since ${since}, which was ${released} when it was released`,
        `its users were promised ${NOTICE_DAYS} days from then`,
        `write "${released}" again`,
      );
    else if (!released && earliest && since < earliest)
      add(
        `may not be deprecated since ${since}`,
        `${lastRelease ? `the release of ${lastRelease} did not say so` : 'no release said so'} and its users need ${NOTICE_DAYS} days to know`,
        `write "${today}"`,
      );
    else if (released && daysAfter(released, NOTICE_DAYS) <= today)
      findings.note(place, `${name} is deprecated since ${released} and may be removed now.`);
  }
}

/** Fields and events, with what they say of their deprecation. */
function* deprecablesOf(contracts) {
  for (const event of contracts.events)
    yield {
      desc: event,
      name: event.typeName,
      deprecated: event.deprecated,
      since: contracts.topicOf(event).deprecatedSince,
      option: 'topic.deprecated_since',
    };
  for (const message of contracts.messages)
    for (const field of message.fields)
      yield {
        desc: field,
        name: `${message.file.proto.package}.${nameOf(message)}.${field.name}`,
        deprecated: field.deprecated,
        since: contracts.declared(field, 'deprecated_since'),
        option: 'deprecated_since',
      };
}
