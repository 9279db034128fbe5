/** Orders of the customer are on their way, or money for them is, which takes what would be forgotten. */
export class CustomerNeededError extends Error {
  override name = 'CustomerNeededError';
  constructor(unsettled: number) {
    super(
      `${unsettled === 1 ? 'An order of this customer is' : `${unsettled} orders of this customer are`} not settled. Wait until it is delivered or refunded, or cancel it, and ask again.`,
    );
  }
}
