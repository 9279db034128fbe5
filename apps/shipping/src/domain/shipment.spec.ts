import {
  DeliveryAddressChanged,
  ShipmentCancelled,
  ShipmentDelivered,
  ShipmentDispatched,
  ShipmentRejected,
  ShipmentRejected_Reason,
  validate,
  type Fact,
} from '@past-tense/contracts';
import {
  beginHandOver,
  cancelShipment,
  changeAddress,
  isBeingHandedOver,
  planShipment,
  recordDelivery,
  recordHandOver,
  type Shipment,
} from './shipment';
import { ShipmentNotHereError } from './shipment.errors';

const address = { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };
const planned = planShipment('019aa000-0000-7000-8000-000000000003', {
  orderId: '019aa000-0000-7000-8000-000000000001',
  customerId: '019aa000-0000-7000-8000-00000000000c',
  address,
});
const handingOver = beginHandOver(planned).shipment;
const dispatched = recordHandOver(handingOver, { accepted: true, trackingNumber: 'PT1' }).shipment;
const rejected = recordHandOver(handingOver, { accepted: false }).shipment;
const cancelled = cancelShipment(planned).shipment;
const delivered = recordDelivery(dispatched).shipment;
const ids = { shipmentId: planned.id, orderId: planned.orderId };

const expectValid = (facts: readonly Fact[]) => {
  for (const { type, data } of facts) expect(() => validate(type, data)).not.toThrow();
};

describe('a planned shipment', () => {
  it('is handed over, which nobody else hears of', () => {
    expect(beginHandOver(planned)).toEqual({ shipment: { ...planned, status: 'handing-over' }, facts: [] });
    expect(isBeingHandedOver(planned)).toBe(false);
    expect(isBeingHandedOver(beginHandOver(handingOver).shipment)).toBe(true);
  });

  it('can be cancelled, once', () => {
    const { shipment, facts } = cancelShipment(planned);

    expect(shipment).toEqual({ ...planned, status: 'cancelled' });
    expect(facts).toMatchObject([{ type: ShipmentCancelled, data: ids }]);
    expectValid(facts);
    expect(cancelShipment(shipment)).toEqual({ shipment, facts: [] });
  });

  it('can be sent elsewhere; the fact does not say where', () => {
    const { shipment, facts } = changeAddress(planned, { street: 'Side Street 2' });

    expect(shipment).toEqual({ ...planned, address: { ...address, street: 'Side Street 2' } });
    expect(facts).toMatchObject([{ type: DeliveryAddressChanged, data: ids }]);
    expect(Object.values(facts[0]!.data)).not.toContain('Side Street 2');
    expectValid(facts);
  });

  it('stays as it is when it is sent where it goes anyway', () => {
    expect(changeAddress(planned, { city: 'Berlin' })).toEqual({ shipment: planned, facts: [] });
  });

  it('is not answered for by a carrier that was not asked', () => {
    expect(recordHandOver(planned, { accepted: true, trackingNumber: 'PT1' })).toEqual({ shipment: planned, facts: [] });
  });
});

describe('a shipment that is handed over', () => {
  it('is dispatched when the carrier takes it', () => {
    const { shipment, facts } = recordHandOver(handingOver, { accepted: true, trackingNumber: 'PT1' });

    expect(shipment).toEqual({ ...planned, status: 'dispatched', trackingNumber: 'PT1' });
    expect(facts).toMatchObject([{ type: ShipmentDispatched, data: { ...ids, trackingNumber: 'PT1' } }]);
    expectValid(facts);
  });

  it('is rejected when the carrier refuses it', () => {
    const { shipment, facts } = recordHandOver(handingOver, { accepted: false });

    expect(shipment).toEqual({ ...planned, status: 'rejected' });
    expect(facts).toMatchObject([{ type: ShipmentRejected, data: { reason: ShipmentRejected_Reason.UNDELIVERABLE } }]);
    expectValid(facts);
  });
});

describe('a shipment that has left', () => {
  it('leaves only once', () => {
    expect(isBeingHandedOver(beginHandOver(dispatched).shipment)).toBe(false);
    expect(recordHandOver(dispatched, { accepted: true, trackingNumber: 'PT2' })).toEqual({ shipment: dispatched, facts: [] });
  });

  it('is delivered once', () => {
    const { shipment, facts } = recordDelivery(dispatched);

    expect(shipment).toEqual({ ...dispatched, status: 'delivered' });
    expect(facts).toMatchObject([{ type: ShipmentDelivered, data: ids }]);
    expectValid(facts);
    expect(recordDelivery(shipment)).toEqual({ shipment, facts: [] });
  });
});

describe('a shipment that is not here any more', () => {
  it.each([handingOver, dispatched, delivered, rejected] satisfies Shipment[])('cannot be called off ($status)', (shipment) => {
    expect(() => cancelShipment(shipment)).toThrow(ShipmentNotHereError);
  });

  it.each([handingOver, dispatched, delivered, rejected, cancelled])('cannot be sent elsewhere ($status)', (shipment) => {
    expect(() => changeAddress(shipment, { city: 'Hamburg' })).toThrow(ShipmentNotHereError);
  });

  it.each([planned, handingOver, rejected, cancelled])('cannot be delivered if it was not dispatched ($status)', (shipment) => {
    expect(recordDelivery(shipment)).toEqual({ shipment, facts: [] });
  });
});
