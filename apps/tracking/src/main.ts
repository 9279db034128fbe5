import { runService } from '@past-tense/service';
import { CreateTimeline1763683600000 } from './storage/migrations/1763683600000-create-timeline';
import { KnowTheCustomer1763722300000 } from './storage/migrations/1763722300000-know-the-customer';
import { TimelineRow } from './storage/timeline.row';
import { trackingSettings } from './tracking.config';
import { trackingMessages } from './tracking.messages';
import { TrackingModule } from './tracking.module';

void runService({
  name: 'tracking',
  root: __dirname,
  description: 'The timeline of every order, from the facts that all services publish.',
  settings: trackingSettings,
  module: TrackingModule,
  messages: trackingMessages,
  entities: [TimelineRow],
  migrations: [CreateTimeline1763683600000, KnowTheCustomer1763722300000],
});
