import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A setting that is missing or malformed. The message names the settings and the rules, never a value. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}

/**
 * Reads the settings of a process from its environment, once, before anything else starts. An empty variable counts as
 * one that is not set. Instead of `NAME`, `NAME_FILE` may name a file that holds the value: a secret need not be in an environment.
 * @throws ConfigurationError one sentence that names every wrong setting
 */
export function readConfig<S extends z.ZodObject>(settings: S, environment: NodeJS.ProcessEnv = process.env): z.infer<S> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  for (const name of Object.keys(settings.shape)) given[name] ??= contentsOf(`${name}_FILE`, given[`${name}_FILE`]);
  const result = settings.safeParse(given);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }) => {
    const name = path.join('.');
    return given[name] === undefined ? `${name} is not set` : `${name} is not right (${message})`;
  });
  throw new ConfigurationError(`The configuration is not usable: ${wrong.join('; ')}. Set these environment variables and start again.`);
}

function contentsOf(name: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ConfigurationError(
      `${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code}); check that it is there and readable by this user.`,
    );
  }
}
