export { freePort } from '@past-tense/local';
export { eventually } from './eventually';
export { aRecord, type RecordOverrides } from './a-record';
export { isolatedKafka, isolatedOpenBao, isolatedRegistry, isolatedStack, type IsolatedStack } from './isolated-stack';
export { OtlpReceiver, type ReceivedSpan } from './otlp-receiver';
export { kafkaBrokers, testDatabase, uniqueName } from './shared-parts';
export { ask, serviceUnderTest, type Answer, type ServiceUnderTest } from './service-under-test';
export { ensurePrometheus, type PrometheusPrograms } from './prometheus';
export { TcpProxy } from './tcp-proxy';
