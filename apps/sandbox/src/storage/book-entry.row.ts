import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One thing the sandbox was asked to do, however often it was asked with the same key. */
@Entity('books')
export class BookEntryRow {
  @PrimaryColumn('text', { name: 'idempotency_key' })
  idempotencyKey!: string;

  @Column('text')
  kind!: 'capture' | 'refund' | 'parcel';

  /** What the caller says it is for: the order. */
  @Column('text')
  reference!: string;

  @Column('boolean')
  accepted!: boolean;

  /** The answer, given again to whoever asks again. */
  @Column('jsonb')
  answer!: Readonly<Record<string, string>>;

  /** Hash of the request, to notice a key used for something else. */
  @Column('text')
  fingerprint!: string;

  @Column('bigint', { name: 'minor_units', nullable: true })
  minorUnits!: string | null;

  @Column('text', { nullable: true })
  currency!: string | null;

  /** How often it was asked. */
  @Column('integer')
  calls!: number;

  @Column('timestamptz', { name: 'first_asked_at' })
  firstAskedAt!: Date;
}
