// The SQL of what is measured. It imports nothing of ours, so that a rival's program has kafkajs as it is, without what we mend in it.

/** What an event comes to: a row with its id. Counting them tells whether each took effect, and once. */
export const EFFECTS_TABLE = `
  CREATE TABLE effects (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid   NOT NULL,
    order_id uuid   NOT NULL
  )`;

/** The effect of one event: $1 its id, $2 the order it is about. */
export const insertEffect = { name: 'bench-insert-effect', text: 'INSERT INTO effects (event_id, order_id) VALUES ($1, $2)' };

/** Takes the turn of an event and claims it, as a consumer does for an event by itself: $1 the consumer, $2 the event's id, $3 its aggregate's id. */
export const takeEvent = { name: 'bench-take-event', text: 'SELECT take_event($1, $2, $3, true) AS verdict' };

/** How many rows a table of effects has. */
export const countRows = (table: string) => ({ name: `bench-count-${table}`, text: `SELECT count(*)::int AS rows FROM ${table}` });
