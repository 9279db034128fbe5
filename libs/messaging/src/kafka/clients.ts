import { createRequire } from 'node:module';
import type { KafkaOptions } from './client';
import { KafkaJsProducer } from './kafkajs/producer';
import { KafkaJsSource } from './kafkajs/source';
import type { ProducerClient } from './producer';
import type { KafkaSource, SourceOptions } from './source';

// Loaded only when it is asked for: who stays with kafkajs need not install it.
const load = createRequire(__filename);
const SECOND = '@platformatic/kafka';

/** @throws Error if the client that the options ask for is not installed */
export function producerClient(options: KafkaOptions): ProducerClient {
  return options.client === 'platformatic' ? new (platformatic().PlatformaticProducer)(options) : new KafkaJsProducer(options);
}

/** @throws Error if the client that the options ask for is not installed */
export function kafkaSource(options: SourceOptions): KafkaSource {
  return options.client === 'platformatic' ? new (platformatic().PlatformaticSource)(options) : new KafkaJsSource(options);
}

function platformatic(): typeof import('./platformatic') {
  try {
    return load('./platformatic') as typeof import('./platformatic');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'MODULE_NOT_FOUND' || !message.includes(SECOND)) throw error;
    throw new Error(`The Kafka client platformatic is not installed; run npm install ${SECOND}@^1.35.0, or leave KAFKA_CLIENT out.`, {
      cause: error,
    });
  }
}
