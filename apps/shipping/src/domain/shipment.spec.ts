import { ShipmentDispatched, ShipmentRejected, ShipmentRejected_Reason, validate, type Fact } from '@past-tense/contracts';
import { isReady, openShipment, planShipment, recordHandOver, releaseShipment } from './shipment';

const address = { recipient: 'Ada', street: 'Main Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };
const opened = openShipment('019aa000-0000-7000-8000-000000000003', '019aa000-0000-7000-8000-000000000001');
const ready = releaseShipment(planShipment(opened, address));

const expectValid = (facts: readonly Fact[]) => {
  for (const { type, data } of facts) expect(() => validate(type, data)).not.toThrow();
};

describe('a shipment', () => {
  it('is ready when it is planned and then paid', () => {
    expect(isReady(planShipment(opened, address))).toBe(false);
    expect(isReady(releaseShipment(planShipment(opened, address)))).toBe(true);
  });

  it('is ready when it is paid and then planned (D3)', () => {
    expect(isReady(releaseShipment(opened))).toBe(false);
    expect(planShipment(releaseShipment(opened), address)).toEqual(ready);
  });

  it('keeps its address when the order is heard of again', () => {
    expect(planShipment(ready, { ...address, city: 'Elsewhere' })).toEqual(ready);
  });
});

describe('a ready shipment', () => {
  it('is dispatched when the carrier takes it', () => {
    const { shipment, facts } = recordHandOver(ready, { accepted: true, trackingNumber: 'PT1' });

    expect(shipment).toEqual({ ...ready, status: 'dispatched', trackingNumber: 'PT1' });
    expect(facts).toMatchObject([
      { type: ShipmentDispatched, data: { shipmentId: ready.id, orderId: ready.orderId, trackingNumber: 'PT1' } },
    ]);
    expectValid(facts);
  });

  it('is rejected when the carrier refuses it', () => {
    const { shipment, facts } = recordHandOver(ready, { accepted: false });

    expect(shipment).toEqual({ ...ready, status: 'rejected' });
    expect(facts).toMatchObject([{ type: ShipmentRejected, data: { reason: ShipmentRejected_Reason.UNDELIVERABLE } }]);
    expectValid(facts);
  });
});

describe('a shipment that has left', () => {
  const dispatched = recordHandOver(ready, { accepted: true, trackingNumber: 'PT1' }).shipment;

  it('leaves only once', () => {
    expect(isReady(releaseShipment(dispatched))).toBe(false);
    expect(recordHandOver(dispatched, { accepted: true, trackingNumber: 'PT2' })).toEqual({ shipment: dispatched, facts: [] });
  });
});
