/** Something the person at the keyboard can mend; its message is all there is to say. */
export class Refusal extends Error {
  override name = 'Refusal';
}
