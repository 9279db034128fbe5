import { z } from 'zod';

// No control characters, and something to read at the beginning.
const READABLE = /^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff][^\u0000-\u001f\u007f-\u009f]*$/;

/** Text for people to read, of at most so many characters. */
export const text = (max: number) =>
  z
    .string()
    .regex(READABLE, 'must begin with a character that can be seen and have no control characters')
    .refine((given) => [...given].length <= max, `must have at most ${max} characters`)
    // Half of a character can be written in JSON and is no text: neither PostgreSQL nor Protobuf takes it.
    .refine((given) => Buffer.from(given).toString() === given, 'must be Unicode text')
    .meta({ minLength: 1, maxLength: max });
