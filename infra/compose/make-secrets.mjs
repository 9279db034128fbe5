// Makes a password for each database role, once, each in a volume of its own; so none is in a file of the repository or in an environment,
// and a service sees its own only.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';

for (const role of readdirSync('/secrets')) {
  const file = `/secrets/${role}/password`;
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o444 });
}
