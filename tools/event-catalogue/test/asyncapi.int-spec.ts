import { DiagnosticSeverity, Parser, type AsyncAPIDocumentInterface, type Diagnostic, type MessageInterface } from '@asyncapi/parser';
import Ajv, { type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { toHeaders, type Envelope } from '@past-tense/envelope';
import { asyncApi } from '../src/asyncapi';
import { catalogueOf } from '../src/catalogue';
import { readSources } from '../src/checkout';
import { ENVELOPE_SCHEMA } from '../src/envelope-headers';
import { manifestsAsDeclared, ROOT } from './sources';

type Json = Record<string, unknown>;

const sources = readSources(ROOT, []);
const catalogue = catalogueOf({ ...sources, manifests: manifestsAsDeclared(sources.image) });
let document: AsyncAPIDocumentInterface;
let diagnostics: Diagnostic[];

beforeAll(async () => {
  const parsed = await new Parser().parse(JSON.stringify(asyncApi(catalogue)));
  diagnostics = parsed.diagnostics;
  document = parsed.document!;
});

const sentences = (wanted: DiagnosticSeverity) =>
  diagnostics
    .filter(({ severity }) => Number(severity) === Number(wanted))
    .map(({ code, message, path }) => `${code} ${path.join('.')}: ${message}`);
const messages = () => document.allMessages().all();
/** Checks against what the official parser made of a schema. */
function checkerOf(schema: unknown): ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  return ajv.compile(schema as object);
}
const exampleOf = (message: MessageInterface) => message.examples().all()[0]!;

describe('the AsyncAPI document', () => {
  it('is taken by the official parser without an error and without a warning', () => {
    expect(sentences(DiagnosticSeverity.Error)).toEqual([]);
    expect(sentences(DiagnosticSeverity.Warning)).toEqual([]);
  });

  it('has a channel with the settings of Kafka for each topic', () => {
    expect(
      document
        .channels()
        .all()
        .map((channel) => channel.address()),
    ).toEqual(catalogue.topics.map(({ name }) => name));
    for (const { name, partitions, retentionDays, cleanup, owner } of catalogue.topics) {
      const channel = document.channels().get(name)!;
      expect(channel.bindings().get('kafka')!.value()).toMatchObject({
        topic: name,
        partitions,
        topicConfiguration: { 'cleanup.policy': [cleanup], 'retention.ms': retentionDays * 86_400_000 },
      });
      expect(channel.json('tags')).toContainEqual({ name: `owner:${owner!.name}` });
    }
  });

  it('says who sends and who receives what', () => {
    const said = document
      .operations()
      .all()
      .map((operation) => `${operation.id()} ${operation.action()}`);
    const done = catalogue.topics.flatMap(({ name, publishers, consumers }) => [
      ...publishers.map((service) => `${service}.publishes.${name} send`),
      ...consumers.filter(({ by }) => by).map(({ service }) => `${service}.consumes.${name} receive`),
    ]);

    expect(said.sort()).toEqual(done.sort());
  });

  it('says of each message what its key is, how it is encoded and how to correlate it', () => {
    for (const message of messages()) {
      expect(message.contentType()).toBe('application/protobuf');
      expect(message.correlationId()!.location()).toBe('$message.header#/ce_correlationid');
      expect(message.bindings().get('kafka')!.value<Json>()).toMatchObject({
        key: { type: 'string', format: 'uuid' },
        schemaIdLocation: 'payload',
      });
    }
  });

  it('has an example of each message that its own schemas accept', () => {
    expect(messages()).toHaveLength(catalogue.topics.length);
    for (const message of messages()) {
      const [payload, headers] = [checkerOf(message.payload()!.json()), checkerOf(message.headers()!.json())];
      expect([message.id(), payload(exampleOf(message).payload()), payload.errors]).toEqual([message.id(), true, null]);
      expect([message.id(), headers(exampleOf(message).headers()), headers.errors]).toEqual([message.id(), true, null]);
    }
  });

  it('has schemas that refuse what lacks something, be it of the payload or of the envelope', () => {
    const message = messages().find((candidate) => candidate.id() === 'order.v1.OrderPlaced')!;
    for (const [schema, example] of [
      [message.payload()!.json(), exampleOf(message).payload() as Json],
      [message.headers()!.json(), exampleOf(message).headers() as Json],
    ] as const) {
      const check = checkerOf(schema);
      for (const name of (schema as { required: string[] }).required) {
        const { [name]: _, ...rest } = example;
        expect([name, check(rest)]).toEqual([name, false]);
        expect([name, check({ ...example, [name]: '?' })]).toEqual([
          name,
          name === 'ce_schemaowner' || name === 'ce_subject' || name === 'paymentToken',
        ]);
      }
    }
  });

  it('knows every header that an envelope can have, and which are always there', () => {
    const envelope: Envelope = {
      eventId: '',
      eventType: '',
      schemaVersion: 1,
      schemaOwner: '',
      dataSchema: '',
      aggregateId: '',
      aggregateVersion: 1,
      correlationId: '',
      causationId: '',
      occurredAt: '',
      publishedAt: '',
      producer: { name: '', version: '' },
      traceparent: '',
    };
    const { properties, required } = ENVELOPE_SCHEMA as { properties: Json; required: string[] };

    expect(required).toEqual(Object.keys(toHeaders(envelope)));
    expect(Object.keys(properties)).toEqual(Object.keys(toHeaders({ ...envelope, tracestate: 'a=b', alsoAs: ['order.v2.OrderPlaced'] })));
  });
});
