/** An order is paid at once, so it has one currency. */
export class MixedCurrenciesError extends Error {
  override name = 'MixedCurrenciesError';
  constructor() {
    super('All lines of an order must be in the same currency.');
  }
}

/** A total beyond 2^53 − 1 minor units would lose cents. */
export class TotalTooLargeError extends Error {
  override name = 'TotalTooLargeError';
  constructor() {
    super('The total of the order is too large.');
  }
}
