import { httpSettings } from '@past-tense/service';

export const sandboxSettings = httpSettings(3009);
