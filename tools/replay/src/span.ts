import { allTopics } from '@past-tense/contracts';
import { Complaint } from '@past-tense/local';
import { retentionInWords, type FoundSpan } from '@past-tense/messaging';
import type { Span } from './request';

const time = (ms: number) => new Date(ms).toISOString();

/**
 * What somebody who asked for a span of time should know about it.
 * @param events how many were found in it
 * @throws Complaint if there are none, saying where there are some
 */
export function notesOn({ topics, fromMs, toMs }: Span, { held, cutOff }: FoundSpan, events: number): string[] {
  const names = topics.join(', ');
  if (!held) throw new Complaint(`There are no events on ${names}.`);
  if (events === 0) {
    if (toMs <= held.firstMs && cutOff.length > 0)
      throw new Complaint(
        `That span has expired: what was published on ${names} before ${time(held.firstMs)} is deleted. ${keptBy(topics)} An export from before can be fed with --from-file.`,
      );
    if (toMs <= held.firstMs)
      throw new Complaint(`Nothing was published on ${names} before ${time(toMs)}; the first event is of ${time(held.firstMs)}.`);
    if (fromMs > held.lastMs)
      throw new Complaint(`Nothing was published on ${names} at ${time(fromMs)} or later; the last event is of ${time(held.lastMs)}.`);
    throw new Complaint(
      `Nothing was published on ${names} from ${time(fromMs)} to ${time(toMs)}; there are events from ${time(held.firstMs)} to ${time(held.lastMs)}.`,
    );
  }
  return [
    ...(fromMs < held.firstMs && cutOff.length > 0
      ? [`what was published on ${cutOff.join(', ')} before ${time(held.firstMs)} is deleted and is not among them. ${keptBy(topics)}`]
      : []),
    ...(fromMs < held.firstMs && cutOff.length === 0 ? [`the first event of all is of ${time(held.firstMs)}`] : []),
    ...(toMs > Date.now() ? ['the span ends in the future; what is published from now on is not among them'] : []),
  ];
}

function keptBy(topics: readonly string[]): string {
  return allTopics()
    .flatMap(({ name, retentionMs }) => (topics.includes(name) ? [`${name} keeps events for ${retentionInWords(retentionMs)}.`] : []))
    .join(' ');
}
