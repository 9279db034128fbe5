import { Injectable } from '@nestjs/common';
import { Database } from '@past-tense/database';
import { Problem } from '@past-tense/service';
import { createHash } from 'node:crypto';
import { BookEntryRow } from './book-entry.row';

export type NewEntry = Pick<BookEntryRow, 'kind' | 'reference' | 'accepted' | 'answer'> &
  Partial<Pick<BookEntryRow, 'minorUnits' | 'currency'>>;

export interface Totals {
  readonly kind: string;
  readonly accepted: boolean;
  /** Different things done. */
  readonly entries: number;
  /** Orders they were done for; fewer than entries means that one was done twice. */
  readonly references: number;
  /** Calls that asked for them, repetitions included. */
  readonly calls: number;
}

const enter = {
  name: 'books-enter',
  text: `INSERT INTO books (idempotency_key, kind, reference, accepted, answer, fingerprint, minor_units, currency)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (idempotency_key) DO UPDATE SET calls = books.calls + 1
         RETURNING accepted, answer, fingerprint`,
};
const totals = {
  name: 'books-totals',
  text: `SELECT kind, accepted, count(*)::int AS entries, count(DISTINCT reference)::int AS references, sum(calls)::int AS calls
         FROM books GROUP BY kind, accepted ORDER BY kind, accepted DESC`,
};

/** What the sandbox was really asked to do. A test reads here that nobody was charged twice. */
@Injectable()
export class Books {
  constructor(private readonly database: Database) {}

  /**
   * Enters a request. One with a key that is in the books already gets the answer it got then, and nothing is done again.
   * @throws Problem 400 without a key, 409 if the key was used for another request
   */
  async enter(idempotencyKey: string | undefined, request: object, entry: NewEntry): Promise<Pick<BookEntryRow, 'accepted' | 'answer'>> {
    if (!idempotencyKey)
      throw new Problem(
        400,
        'idempotency-key-missing',
        'Idempotency key missing',
        'Send an Idempotency-Key header, so that asking twice is doing once.',
      );
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const { kind, reference, accepted, answer, minorUnits = null, currency = null } = entry;
    const [found] = await this.database.query<Pick<BookEntryRow, 'accepted' | 'answer' | 'fingerprint'>>(enter, [
      idempotencyKey,
      kind,
      reference,
      accepted,
      JSON.stringify(answer),
      fingerprint,
      minorUnits,
      currency,
    ]);
    if (found!.fingerprint !== fingerprint)
      throw new Problem(409, 'idempotency-key-reused', 'Idempotency key reused', 'This key was used for another request.');
    return found!;
  }

  async totals(): Promise<Totals[]> {
    return await this.database.query<Totals>(totals);
  }

  async of(reference: string): Promise<BookEntryRow[]> {
    return await this.database.entities.find(BookEntryRow, { where: { reference }, order: { firstAskedAt: 'ASC' } });
  }

  /** Whether a parcel with that number was taken. */
  async hasParcel(trackingNumber: string): Promise<boolean> {
    return await this.database.entities
      .createQueryBuilder(BookEntryRow, 'entry')
      .where(`entry.kind = 'parcel' AND entry.accepted AND entry.answer ->> 'trackingNumber' = :trackingNumber`, { trackingNumber })
      .getExists();
  }

  async capture(captureId: string): Promise<BookEntryRow | null> {
    return await this.database.entities
      .createQueryBuilder(BookEntryRow, 'entry')
      .where(`entry.kind = 'capture' AND entry.accepted AND entry.answer ->> 'captureId' = :captureId`, { captureId })
      .getOne();
  }
}
