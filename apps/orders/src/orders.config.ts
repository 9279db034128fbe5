import { messagingSettings } from '@past-tense/service';

export const ordersSettings = messagingSettings(3001);
