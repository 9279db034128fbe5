import { z } from 'zod';

// The kinds of settings our processes have. Environment variables are text; each of these turns one into its type.

/** A TCP port from 1 to 65535. */
export const tcpPort = (fallback: number) => wholeNumber(fallback, { min: 1, max: 65_535 });

/** A whole number within bounds. */
export const wholeNumber = (fallback: number, { min, max }: { min: number; max: number }) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(fallback);

/** An http or https address. */
export const httpUrl = () => z.url({ protocol: /^https?$/, error: 'must be an http address' });

/** A PostgreSQL address: postgres://user:password@host:port/database. */
export const postgresUrl = () => z.url({ protocol: /^postgres(ql)?$/, error: 'must be postgres://user:password@host:port/database' });

/** Names separated by commas. */
export const list = () =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((entry) => entry.trim())
        .filter(Boolean),
    )
    .pipe(z.array(z.string()).min(1, 'must name at least one'));

/** `true` or `false`. */
export const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false'], 'must be true or false')
    .default(fallback ? 'true' : 'false')
    .transform((text) => text === 'true');
