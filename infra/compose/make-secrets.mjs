// Makes the passwords and secrets, once, each in a volume of its own; so none is in a file of the repository or in an environment,
// and a service sees its own only.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';

for (const role of readdirSync('/secrets')) {
  const file = `/secrets/${role}/password`;
  const secret = secretOf(role);
  if (!existsSync(file)) writeFileSync(file, secret, { mode: 0o444 });
}

function secretOf(role) {
  // The carrier signs its callbacks; such a secret is written as the Standard Webhooks specification has it.
  if (role === 'carrier') return `whsec_${randomBytes(32).toString('base64')}`;
  // Data keys are wrapped with the first of these, which have names so that they can be changed.
  if (role === 'master-key') return `first:${randomBytes(32).toString('base64')}`;
  return randomBytes(24).toString('base64url');
}
