import { OrderCompleted, OrderPlaced, PaymentCaptured } from '@past-tense/contracts';
import { ReactsTo, type Forgetful, type Reaction } from '@past-tense/messaging';
import { checkManifest, handlesPersonalData } from './messages';

@ReactsTo(OrderPlaced)
class First implements Reaction<OrderPlaced>, Forgetful<OrderPlaced> {
  async react(): Promise<void> {}
  async reactToForgotten(): Promise<void> {}
}
@ReactsTo(OrderPlaced)
class Unforgetting implements Reaction<OrderPlaced> {
  async react(): Promise<void> {}
}
@ReactsTo(OrderPlaced)
class Second implements Reaction<OrderPlaced> {
  async react(): Promise<void> {}
}
class Mute implements Reaction<OrderPlaced> {
  async react(): Promise<void> {}
}

describe('the manifest of a service', () => {
  it('tells the topics it publishes and consumes', () => {
    const { published, consumed } = checkManifest('payments', { publishes: [PaymentCaptured], reactions: [First] });

    expect(published.map((topic) => topic.name)).toEqual(['payment-captured']);
    expect(consumed.map((topic) => topic.name)).toEqual(['order-placed']);
  });

  it.each([
    [
      'publishes what belongs to another',
      'shipping',
      { publishes: [OrderCompleted], reactions: [] },
      'shipping may not publish order.v1.OrderCompleted: order/v1/order_completed.proto names orders',
    ],
    [
      'consumes without being declared',
      'orders',
      { publishes: [], reactions: [First] },
      'orders may not consume order.v1.OrderPlaced: add it to the consumers in order/v1/order_placed.proto',
    ],
    [
      'reacts twice to one event',
      'payments',
      { publishes: [], reactions: [First, Second] },
      'payments has two reactions to order.v1.OrderPlaced',
    ],
    [
      'reads personal data and does not know what to do without it',
      'shipping',
      { publishes: [], reactions: [Unforgetting] },
      'shipping reads personal data of order.v1.OrderPlaced, and Unforgetting does not say what to do once the person was forgotten; give it reactToForgotten.',
    ],
    [
      'is a projection of personal data',
      'payments',
      { publishes: [], reactions: [First], projection: true },
      'payments is no projection, because it reads personal data, which may be forgotten',
    ],
    ['has a reaction that does not say to what', 'payments', { publishes: [], reactions: [Mute] }, 'Mute does not say what it reacts to'],
  ])('is refused when it %s', (_, service, messages, sentence) => {
    expect(() => checkManifest(service, messages)).toThrow(sentence);
  });

  it('needs the key store where it seals or reads personal data, and nowhere else', () => {
    expect(handlesPersonalData('orders', { publishes: [OrderPlaced], reactions: [] })).toBe(true);
    expect(handlesPersonalData('shipping', { publishes: [], reactions: [First] })).toBe(true);
    // A consumer that is no reader gets the event sealed.
    expect(handlesPersonalData('tracking', { publishes: [], reactions: [Unforgetting] })).toBe(false);
    expect(() => checkManifest('tracking', { publishes: [], reactions: [Unforgetting] })).not.toThrow();
  });
});
