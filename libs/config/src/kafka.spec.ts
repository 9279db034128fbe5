import { z } from 'zod';
import { ConfigurationError, kafkaAccess, kafkaSettings, readConfig } from './index';

const access = (environment: Record<string, string>) =>
  kafkaAccess(readConfig(z.object(kafkaSettings), { KAFKA_BROKERS: 'a:9092', ...environment }));
const user = { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'orders', KAFKA_SASL_PASSWORD: 'hush-hush' };

describe('getting into Kafka', () => {
  it('needs an address and nothing else', () => {
    expect(access({})).toEqual({ brokers: ['a:9092'], client: 'kafkajs' });
  });

  it('takes another client', () => {
    expect(access({ KAFKA_CLIENT: 'platformatic' })).toEqual({ brokers: ['a:9092'], client: 'platformatic' });
  });

  it('takes a user, and a certificate', () => {
    expect(access({ ...user, KAFKA_TLS: 'true', KAFKA_TLS_CA: '-----BEGIN' })).toEqual({
      brokers: ['a:9092'],
      client: 'kafkajs',
      sasl: { mechanism: 'scram-sha-512', username: 'orders', password: 'hush-hush' },
      tls: { ca: '-----BEGIN' },
    });
    expect(access({ KAFKA_TLS: 'true' })).toEqual({ brokers: ['a:9092'], client: 'kafkajs', tls: {} });
  });

  it.each([
    [{ ...user, KAFKA_SASL_USERNAME: '' }, 'belong together and KAFKA_SASL_USERNAME is not set; set all of them or none.'],
    [{ KAFKA_SASL_PASSWORD: 'hush-hush' }, 'belong together and KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME is not set'],
    [{ KAFKA_TLS_CA: '-----BEGIN' }, 'KAFKA_TLS_CA is set and KAFKA_TLS is not true'],
    [{ KAFKA_CLIENT: 'librdkafka' }, 'KAFKA_CLIENT is not right (must be kafkajs or platformatic)'],
    [{ ...user, KAFKA_SASL_MECHANISM: 'kerberos' }, 'KAFKA_SASL_MECHANISM is not right (must be plain, scram-sha-256 or scram-sha-512)'],
  ])('refuses half of it in a sentence that holds no secret (%#)', (environment, sentence) => {
    expect(() => access(environment)).toThrow(ConfigurationError);
    expect(() => access(environment)).toThrow(sentence);
    expect(() => access(environment)).not.toThrow(/hush/);
  });
});
