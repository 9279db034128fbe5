import { runService } from '@past-tense/service';
import { BookEntryRow } from './storage/book-entry.row';
import { CreateBooks1763683700000 } from './storage/migrations/1763683700000-create-books';
import { sandboxSettings } from './sandbox.config';
import { SandboxModule } from './sandbox.module';

void runService({
  name: 'sandbox',
  root: __dirname,
  description: 'The outside world: a payment provider and a carrier that keep books of what they were asked to do.',
  settings: sandboxSettings,
  module: SandboxModule,
  entities: [BookEntryRow],
  migrations: [CreateBooks1763683700000],
});
