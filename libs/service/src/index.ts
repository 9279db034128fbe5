export { Problem, type FieldProblem, type ProblemDocument } from './http/problem';
export { Accepts, Answers, Problems, QueryParameters, UuidParam, UuidPath, ValidBody, ValidQuery } from './http/valid';
export { type Messages } from './messages';
export { runService, type ServiceDefinition } from './run-service';
export {
  commandServerSettings,
  httpSettings,
  LOGGER,
  messagingSettings,
  SETTINGS,
  type HttpSettings,
  type MessagingSettings,
} from './settings';
