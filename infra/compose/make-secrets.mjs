// Makes a password for each database role, once; the volume keeps them. So none is in a file of the repository or in an environment.
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';

for (const role of ['postgres', 'cdc', 'orders', 'payments', 'shipping', 'tracking', 'sandbox']) {
  const file = `/secrets/${role}`;
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o444 });
}
