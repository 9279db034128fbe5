import { clone, getOption, type DescField, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { person, personal, readers } from './gen/past_tense/contract/v1/topic_pb';
import { service, ServiceSchema } from './gen/past_tense/contract/v1/ownership_pb';

/** A field of an event that says something about a person. */
export interface PersonalField {
  /** Its name in the .proto, from the event on, such as `delivery_address.street`. */
  readonly name: string;
  /** Services that may read it, by name, sorted. */
  readonly readers: readonly string[];
}

interface DeclaredField extends PersonalField {
  readonly path: readonly DescField[];
}

type Holder = Record<string, unknown>;

const declared = new WeakMap<DescMessage, readonly DeclaredField[]>();

/** The personal fields of an event, as its .proto marks them; most events have none. */
export function personalFieldsOf(event: DescMessage): readonly PersonalField[] {
  return fieldsOf(event);
}

/** The id of the person whom the personal fields of an event are about. The gate sees to it that the event says so. */
export function personOf<D extends DescMessage>(event: D, data: MessageShape<D>): string {
  const field = event.fields.find((one) => getOption(one, person))!;
  return (data as Holder)[field.localName] as string;
}

/** One text of a personal field. A list has several, and a message that is left out none. */
export interface PersonalText {
  readonly field: PersonalField;
  readonly text: string;
}

/** Every personal text of an event. */
export function personalTextsOf<D extends DescMessage>(event: D, data: MessageShape<D>): PersonalText[] {
  const texts: PersonalText[] = [];
  visit(event, data, (field, text) => (texts.push({ field, text }), text));
  return texts;
}

/** A copy of an event with other personal texts, in the order in which `personalTextsOf` tells them. */
export function withPersonalTexts<D extends DescMessage>(event: D, data: MessageShape<D>, texts: readonly string[]): MessageShape<D> {
  const copy = clone(event, data);
  let next = 0;
  visit(event, copy, () => texts[next++]!);
  return copy;
}

function visit(event: DescMessage, data: Holder, change: (field: PersonalField, text: string) => string): void {
  for (const field of fieldsOf(event)) visitPath([data], field.path, (text) => change(field, text));
}

function visitPath(holders: readonly Holder[], [field, ...rest]: readonly DescField[], change: (text: string) => string): void {
  const name = field!.localName;
  if (rest.length > 0) {
    const inside = holders.flatMap((holder) => holder[name] ?? []) as Holder[];
    return visitPath(inside, rest, change);
  }
  for (const holder of holders) {
    const value = holder[name];
    if (Array.isArray(value)) holder[name] = (value as string[]).map(change);
    // Text that is left out is empty, or undefined where the field is optional; there is nothing to keep from anybody.
    else if (typeof value === 'string' && value !== '') holder[name] = change(value);
  }
}

function fieldsOf(event: DescMessage): readonly DeclaredField[] {
  const known = declared.get(event) ?? personalIn(event, [], new Set());
  declared.set(event, known);
  return known;
}

function personalIn(message: DescMessage, above: readonly DescField[], seen: ReadonlySet<DescMessage>): DeclaredField[] {
  if (seen.has(message)) return [];
  return message.fields.flatMap((field): DeclaredField[] => {
    const path = [...above, field];
    if (field.message && field.fieldKind !== 'map') return personalIn(field.message, path, new Set([...seen, message]));
    if (!getOption(field, personal)) return [];
    const names = getOption(field, readers).map((reader) => getOption(ServiceSchema.value[reader], service).name);
    return [{ name: path.map(({ name }) => name).join('.'), readers: names.sort(), path }];
  });
}
