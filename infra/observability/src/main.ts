import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GENERATED, generatedFiles } from './files';

// Writes the alert rules, the routing and the dashboards. What is no longer generated goes.
rmSync(GENERATED, { recursive: true, force: true });
for (const [path, content] of generatedFiles()) {
  mkdirSync(dirname(join(GENERATED, path)), { recursive: true });
  writeFileSync(join(GENERATED, path), content);
}
