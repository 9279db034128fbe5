/** The customer asked to be forgotten, or was: nothing new begins that would need what is forgotten. */
export class CustomerLeavingError extends Error {
  override name = 'CustomerLeavingError';
  constructor(customerId: string) {
    super(
      `Customer ${customerId} asked to be forgotten, so nothing can be ordered under this id any more; whoever comes back needs a new one.`,
    );
  }
}
