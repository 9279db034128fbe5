import type { Service, Topic } from '@past-tense/contracts';
import type { Dashboard } from './dashboard';
import { ofService } from './of-service';
import { ofTopic } from './of-topic';
import { overview } from './overview';

/** The overview, one dashboard for each service and one for each topic. */
export function dashboards(topics: readonly Topic[], services: readonly Service[]): Dashboard[] {
  return [overview(topics), ...services.map(ofService), ...topics.map(ofTopic)];
}
