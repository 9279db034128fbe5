export * from './gen/events';
export * from './gen/commands';
export * from './gen/known-values';
export { UnknownValueError } from './known-value';
export { OrderCancelled_Reason } from './gen/order/v1/order_cancelled_pb';
export { PaymentDeclined_Reason } from './gen/payment/v1/payment_declined_pb';
export { ShipmentRejected_Reason } from './gen/shipment/v1/shipment_rejected_pb';
export { type Money } from './gen/money/v1/money_pb';
export {
  allCommandServices,
  allServices,
  allTeams,
  allTopics,
  commandServiceOf,
  factNameOf,
  serviceNamed,
  topicOf,
  topicOfType,
  type CommandService,
  type DeclaredCommand,
  type Service,
  type Team,
  type Topic,
} from './catalogue';
export { fact, InvalidPayloadError, inVersions, routeOf, validate, validateOwn, type Fact, type Violation } from './fact';
export { personalFieldsOf, personalTextsOf, personOf, withPersonalTexts, type PersonalField, type PersonalText } from './personal-fields';
export { fromSealedText, isSealed, toSealedText } from './sealed';
export { decode, encode, UndecodableError } from './frame';
export { registrySubjects, subjectOf, type RegistrySubject } from './registry-subjects';
export { BadRequestSchema, ErrorInfoSchema } from './gen/google/rpc/error_details_pb';
export { StatusSchema } from './gen/google/rpc/status_pb';
