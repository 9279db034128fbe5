/** A rebuild cannot be done like this; what the message says mends it. */
export class RebuildRefusal extends Error {
  override name = 'RebuildRefusal';
}
