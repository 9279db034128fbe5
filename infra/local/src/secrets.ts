import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * Passwords and secrets, made when they are first needed and readable only by the one who started.
 * @param file where they are kept
 * @param names what they are for
 */
export function secretsIn(file: string, names: readonly string[]): Record<string, string> {
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  const missing = names.filter((name) => !kept[name]);
  if (missing.length === 0) return kept;
  const all = { ...kept, ...Object.fromEntries(missing.map((name) => [name, randomBytes(32).toString('base64url')])) };
  writeFileSync(file, JSON.stringify(all, null, 2), { mode: 0o600 });
  return all;
}
