/** Something a person has to put right. The message is one sentence that names the thing and the remedy. */
export class Complaint extends Error {
  override name = 'Complaint';
}
