// Generated from the .proto files. Change those and run `npm run contracts:generate`.
import { ShippingCommands } from './shipping/v1/shipping_commands_pb';
export * from './shipping/v1/shipping_commands_pb';

/** Call off the shipment of an order before the carrier has it. */
export const CancelShipment = ShippingCommands.method.cancelShipment;

/** Send the parcel of an order elsewhere, as long as the carrier does not have it. */
export const ChangeDeliveryAddress = ShippingCommands.method.changeDeliveryAddress;
