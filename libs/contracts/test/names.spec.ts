import { evaluate } from './evaluate';

describe('the name of an event', () => {
  it.each([
    [true, ['OrderCompleted', 'OrderPaid', 'ParcelLost', 'LimitSet', 'PriceAgreed', 'StockFrozen']],
    [true, ['RequestReceived', 'ChargeRefunded', 'TransferCompleted', 'ReportPublished', 'OrderSKUChanged']],
    [
      true,
      `Repaid Prepaid Overpaid Resold Oversold Overwritten Underwritten Undertaken Retaken Unfrozen Unsold Unpaid Unsent Rebound Foregone
      Foreseen Outbid Broadcast Cast Shot Spun Shrunk Sprung Hurt Misspelt`
        .split(/\s+/)
        .map((participle) => `Order${participle}`),
    ],
    [
      false,
      `MarkOrderPaid MarkOrderShipped NotifyOrderCompleted OrderWillBePlaced OrderMustBeCancelled OrderToBeShipped OrderNotPlaced OrderSacred
      OrderBiped OrderBegan OrderWent OrderRetook OrderPresent OrderOutcome OrderOutput RequestOrderCancelled ProcessOrderPaid`.split(
        /\s+/,
      ),
    ],
    [
      false,
      [
        'OrderComplete',
        'CompleteOrder',
        'OrderCompleting',
        'OrderCompletion',
        'OrderCompletedEvent',
        'CompleteOrderCommand',
        'OrderSpeed',
        'Completed',
      ],
    ],
  ])('says what happened (%s)', (expected, names) => {
    const about = `{ aggregate: 'order', things: new Set(['order', 'payment', 'shipment']) }`;

    expect(
      evaluate('generator/names.mjs', `${JSON.stringify(names)}.filter((name) => module.mendOfFact(name, ${about}) === undefined)`),
    ).toEqual(expected ? names : []);
  });
});

describe('the name of a command', () => {
  it.each([
    [true, ['SetAddress', 'ResetShipment', 'RequestRefund', 'ImplementChange', 'FeedQueue', 'BringParcel']],
    [
      false,
      [
        'CancelledShipment',
        'ShipmentCancelled',
        'CancellingShipment',
        'ShipmentCancel',
        'CancellationOfShipment',
        'CancelShipmentCommand',
        'SendShipmentRequest',
        'Cancel',
      ],
    ],
  ])('says what to do (%s)', (expected, names) => {
    const things = `new Set(['order', 'payment', 'shipment'])`;

    expect(evaluate('generator/names.mjs', `${JSON.stringify(names)}.filter((name) => module.saysWhatToDo(name, ${things}))`)).toEqual(
      expected ? names : [],
    );
  });
});
