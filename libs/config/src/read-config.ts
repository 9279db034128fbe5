import { z } from 'zod';

/** A setting that is missing or malformed. The message names the settings and the rules, never a value. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}

/**
 * Reads the settings of a process from its environment, once, before anything else starts. An empty variable counts as
 * one that is not set.
 * @throws ConfigurationError one sentence that names every wrong setting
 */
export function readConfig<S extends z.ZodObject>(settings: S, environment: NodeJS.ProcessEnv = process.env): z.infer<S> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = settings.safeParse(given);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }) => {
    const name = path.join('.');
    return given[name] === undefined ? `${name} is not set` : `${name} is not right (${message})`;
  });
  throw new ConfigurationError(`The configuration is not usable: ${wrong.join('; ')}. Set these environment variables and start again.`);
}
