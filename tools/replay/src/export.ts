import { Complaint } from '@past-tense/local';
import { exportEvents, TopicSpan, type KafkaOptions } from '@past-tense/messaging';
import { existsSync } from 'node:fs';
import type { Request } from './request';
import { notesOn } from './span';
import type { Terminal } from './terminal';

/** Writes the events of a span of time to a file, from which they can be fed like from the topics. */
export async function exportSpan(
  { events, file }: Request & { command: 'export' },
  kafka: KafkaOptions,
  terminal: Terminal,
): Promise<void> {
  if (existsSync(file)) throw new Complaint(`${file} is there already; name another file, or remove that one.`);
  let seen = 0;
  const found = await TopicSpan.find(kafka, events, async (messages) => terminal.progress('found', (seen += messages.length), undefined));
  terminal.clear();
  for (const note of notesOn(events, found, seen)) terminal.say(`note: ${note}`);
  const written = await exportEvents(found.span, file, (done) => terminal.progress('exported', done, seen));
  terminal.clear();
  terminal.say(`${written.toLocaleString('en')} events are in ${file}.`);
  terminal.result({ file, events: written });
}
