import { clearField, clone, createFileRegistry, equals, fromBinary, fromJson, toBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import { FieldDescriptorProtoSchema, FileDescriptorSetSchema, type DescriptorProto, type FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allTopics, topicOfType, validate } from '../src/index';

const RELEASED = join(__dirname, '..', 'released');
const CORPUS = join(RELEASED, 'corpus');

const written = readdirSync(CORPUS).flatMap((release) =>
  readdirSync(join(CORPUS, release))
    .filter((file) => file.endsWith('.bin'))
    .map((file) => ({ release, name: file.slice(0, -'.bin'.length) })),
);
const bytesOf = ({ release, name }: { release: string; name: string }) => readFileSync(join(CORPUS, release, `${name}.bin`));
const jsonOf = ({ release, name }: { release: string; name: string }) =>
  JSON.parse(readFileSync(join(CORPUS, release, `${name}.json`), 'utf8')) as JsonValue;
const eventOf = (name: string) => topicOfType(name)!.event;
const releasedImage = (): FileDescriptorSet => fromBinary(FileDescriptorSetSchema, readFileSync(join(RELEASED, 'image.binpb')));

describe('what a release wrote', () => {
  it.each(written)('$name of release $release is read by the code of today, is valid and says what it said', (one) => {
    const event = eventOf(one.name);

    const data = fromBinary(event, bytesOf(one));

    expect(() => validate(event, data)).not.toThrow();
    expect(equals(event, data, fromJson(event, jsonOf(one), { ignoreUnknownFields: true }))).toBe(true);
  });

  it('holds every event that is released', () => {
    const released = new Set(written.map(({ name }) => name));
    const events = createFileRegistry(releasedImage());

    const missing = allTopics().filter(({ eventType }) => events.getMessage(eventType) && !released.has(eventType));
    expect(missing.map(({ eventType }) => eventType)).toEqual([]);
  });
});

/** The messages of an image, nested ones included. */
const messagesOf = (messages: DescriptorProto[]): DescriptorProto[] => messages.flatMap((one) => [one, ...messagesOf(one.nestedType)]);

describe('a service that was built before', () => {
  it.each(written)('loses nothing of $name of release $release, though it knows none of its fields but the first', (one) => {
    const image = clone(FileDescriptorSetSchema, releasedImage());
    const ours = image.file.filter(({ name }) => !/^(buf|google|past_tense)\//.test(name));
    for (const message of ours.flatMap((file) => messagesOf(file.messageType))) {
      message.field = message.field.slice(0, 1);
      message.oneofDecl = [];
      for (const field of message.field) {
        clearField(field, FieldDescriptorProtoSchema.field.oneofIndex);
        clearField(field, FieldDescriptorProtoSchema.field.proto3Optional);
      }
    }
    const before = createFileRegistry(image).getMessage(one.name)!;
    const bytes = bytesOf(one);

    const passedOn = toBinary(before, fromBinary(before, bytes));

    const event = eventOf(one.name);
    expect(toJson(event, fromBinary(event, passedOn))).toEqual(toJson(event, fromBinary(event, bytes)));
    expect(passedOn).toHaveLength(bytes.length);
  });

  it.each(allTopics().map(({ eventType }) => eventType))('passes on what %s says today', (eventType) => {
    const before = createFileRegistry(releasedImage()).getMessage(eventType);
    const event = eventOf(eventType);
    const example = fromJson(event, JSON.parse(readFileSync(join(__dirname, '..', 'examples', `${eventType}.json`), 'utf8')) as JsonValue);
    // An event that is new since the release is unknown as a whole, which nobody can pass on.
    const passedOn = before ? toBinary(before, fromBinary(before, toBinary(event, example))) : toBinary(event, example);

    expect(equals(event, fromBinary(event, passedOn), example)).toBe(true);
  });
});
