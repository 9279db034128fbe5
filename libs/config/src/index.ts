export { kafkaAccess, kafkaSettings, type KafkaAccess } from './kafka';
export { ConfigurationError, readConfig } from './read-config';
export { flag, httpUrl, postgresUrl, tcpPort, wholeNumber, list } from './settings';
