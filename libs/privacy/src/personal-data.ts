import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { isSealed, personalFieldsOf, personalTextsOf, personOf, withPersonalTexts } from '@past-tense/contracts';
import type { DataKeys } from './data-keys';
import { openText, sealText } from './seal';

/** Personal texts of one person that a service keeps, such as in a row. */
export interface Kept<Field extends string> {
  /** Id of the person. */
  readonly person: string;
  /** A name for what holds them that nothing else has, such as `shipment/<id>`. */
  readonly holder: string;
  readonly texts: Readonly<Record<Field, string>>;
}

/** Seals and opens what says something about people, for one service. */
export class PersonalData {
  constructor(
    /** The service, as the contracts name it. */
    private readonly service: string,
    private readonly keys: DataKeys,
  ) {}

  /**
   * Seals the personal fields of an event, each for those who may read it.
   * @param eventId no other event opens what is sealed for this one
   * @throws PersonForgottenError
   */
  async sealEvent<D extends DescMessage>(event: D, data: MessageShape<D>, eventId: string): Promise<MessageShape<D>> {
    const person = personOf(event, data);
    const holder = holderOf(event, eventId);
    const sealed = personalTextsOf(event, data).map(async ({ field, text }) => {
      const key = await this.keys.toSeal({ person, readers: field.readers.join('+') });
      return sealText(key, text, { person, holder, field: field.name });
    });
    return withPersonalTexts(event, data, await Promise.all(sealed));
  }

  /** Whether this service may read something personal in an event. */
  reads(event: DescMessage): boolean {
    return readsPersonal(this.service, event);
  }

  /**
   * Opens what this service may read of an event; the rest stays sealed.
   * @returns the event, or `forgotten` if the person was
   * @throws SealBrokenError, KeyMissingError
   */
  async openEvent<D extends DescMessage>(event: D, data: MessageShape<D>, eventId: string): Promise<MessageShape<D> | 'forgotten'> {
    const person = personOf(event, data);
    const holder = holderOf(event, eventId);
    const texts = personalTextsOf(event, data);
    const opened = await Promise.all(
      texts.map(async ({ field, text }) => {
        if (!field.readers.includes(this.service)) return text;
        return await this.#open(text, { person, holder, field: field.name }, field.readers.join('+'));
      }),
    );
    if (opened.includes(FORGOTTEN)) return 'forgotten';
    return withPersonalTexts(event, data, opened as string[]);
  }

  /**
   * Seals texts that this service keeps for itself.
   * @throws PersonForgottenError
   */
  async seal<Field extends string>({ person, holder, texts }: Kept<Field>): Promise<Record<Field, string>> {
    const key = await this.keys.toSeal({ person, readers: this.service });
    return mapTexts(texts, (text, field) => sealText(key, text, { person, holder, field }));
  }

  /**
   * Opens texts that this service keeps. Those that were kept before personal data was sealed stay as they are.
   * @returns undefined if the person was forgotten
   * @throws SealBrokenError, KeyMissingError
   */
  async open<Field extends string>({ person, holder, texts }: Kept<Field>): Promise<Record<Field, string> | undefined> {
    const entries = Object.entries(texts) as [Field, string][];
    const opened = await Promise.all(entries.map(([field, text]) => this.#open(text, { person, holder, field }, this.service)));
    if (opened.includes(FORGOTTEN)) return undefined;
    return Object.fromEntries(entries.map(([field], i) => [field, opened[i]])) as Record<Field, string>;
  }

  /** Destroys the keys of a person: nothing about them can be read any more, wherever it is. Done again, it changes nothing. */
  async forget(person: string): Promise<void> {
    await this.keys.forget(person);
  }

  async #open(text: string, place: Parameters<typeof openText>[2], readers: string): Promise<string | typeof FORGOTTEN> {
    const ref = { person: place.person, readers };
    // Also what is not sealed must not be used any more.
    if (!isSealed(text)) return (await this.keys.isForgotten(ref)) ? FORGOTTEN : text;
    const key = await this.keys.toOpen(ref);
    return key === 'forgotten' ? FORGOTTEN : openText(key, text, place);
  }
}

const FORGOTTEN = Symbol('forgotten');

/** Whether a service may read something personal in an event. */
export function readsPersonal(service: string, event: DescMessage): boolean {
  return personalFieldsOf(event).some(({ readers }) => readers.includes(service));
}

const holderOf = (event: DescMessage, eventId: string) => `${event.typeName}/${eventId}`;

function mapTexts<Field extends string>(
  texts: Readonly<Record<Field, string>>,
  change: (text: string, field: Field) => string,
): Record<Field, string> {
  const entries = Object.entries(texts) as [Field, string][];
  return Object.fromEntries(entries.map(([field, text]) => [field, change(text, field)])) as Record<Field, string>;
}
