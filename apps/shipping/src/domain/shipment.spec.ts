import { ShipmentDispatched, ShipmentRejected, ShipmentRejected_Reason, validate, type Fact } from '@past-tense/contracts';
import { isPlanned, planShipment, recordHandOver } from './shipment';

const address = { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };
const planned = planShipment('019aa000-0000-7000-8000-000000000003', { orderId: '019aa000-0000-7000-8000-000000000001', address });

const expectValid = (facts: readonly Fact[]) => {
  for (const { type, data } of facts) expect(() => validate(type, data)).not.toThrow();
};

describe('a planned shipment', () => {
  it('is dispatched when the carrier takes it', () => {
    const { shipment, facts } = recordHandOver(planned, { accepted: true, trackingNumber: 'PT1' });

    expect(shipment).toEqual({ ...planned, status: 'dispatched', trackingNumber: 'PT1' });
    expect(facts).toMatchObject([
      { type: ShipmentDispatched, data: { shipmentId: planned.id, orderId: planned.orderId, trackingNumber: 'PT1' } },
    ]);
    expectValid(facts);
  });

  it('is rejected when the carrier refuses it', () => {
    const { shipment, facts } = recordHandOver(planned, { accepted: false });

    expect(shipment).toEqual({ ...planned, status: 'rejected' });
    expect(facts).toMatchObject([{ type: ShipmentRejected, data: { reason: ShipmentRejected_Reason.UNDELIVERABLE } }]);
    expectValid(facts);
  });
});

describe('a shipment that has left', () => {
  const dispatched = recordHandOver(planned, { accepted: true, trackingNumber: 'PT1' }).shipment;

  it('leaves only once', () => {
    expect(isPlanned(dispatched)).toBe(false);
    expect(recordHandOver(dispatched, { accepted: true, trackingNumber: 'PT2' })).toEqual({ shipment: dispatched, facts: [] });
  });
});
