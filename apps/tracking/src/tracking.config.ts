import { messagingSettings } from '@past-tense/service';

export const trackingSettings = messagingSettings(3004);
