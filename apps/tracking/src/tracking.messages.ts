import type { Messages } from '@past-tense/service';
import { ExtendTimelineWhenSomethingHappened } from './reactions/extend-timeline-when-something-happened';

/** What tracking listens to. It says nothing: it owns no business state. */
export const trackingMessages: Messages = {
  publishes: [],
  reactions: [ExtendTimelineWhenSomethingHappened],
  projection: true,
};
