import { z } from 'zod';
import { callbackSecrets } from './callbacks/callback-secrets';
import { webhookSettings } from './settings';

const settings = z.object(webhookSettings);
const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

describe('the settings', () => {
  it('have defaults', () => {
    expect(settings.parse({})).toEqual({
      WEBHOOK_RETRY_DELAYS_MS: [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000],
      WEBHOOK_TIMEOUT_MS: 10_000,
      WEBHOOK_SECRET_OVERLAP_HOURS: 24,
      WEBHOOK_ALLOWED_NETWORKS: [],
    });
  });

  it('are read from text', () => {
    expect(settings.parse({ WEBHOOK_RETRY_DELAYS_MS: '10, 20', WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0/8, fd00::/8' })).toMatchObject({
      WEBHOOK_RETRY_DELAYS_MS: [10, 20],
      WEBHOOK_ALLOWED_NETWORKS: ['10.0.0.0/8', 'fd00::/8'],
    });
  });

  it.each([
    { WEBHOOK_RETRY_DELAYS_MS: '5,soon' },
    { WEBHOOK_RETRY_DELAYS_MS: '5,,6' },
    { WEBHOOK_RETRY_DELAYS_MS: '5.5' },
    { WEBHOOK_RETRY_DELAYS_MS: '0' },
    { WEBHOOK_RETRY_DELAYS_MS: '-5' },
    { WEBHOOK_RETRY_DELAYS_MS: Array(13).fill(1).join(',') },
    { WEBHOOK_TIMEOUT_MS: '0' },
    { WEBHOOK_SECRET_OVERLAP_HOURS: '1.5' },
    { WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0' },
    { WEBHOOK_ALLOWED_NETWORKS: 'localhost' },
    { WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0/33' },
  ])('refuse %j', (given) => {
    expect(settings.safeParse(given).success).toBe(false);
  });

  it('hold secrets of the right form and length, several while they are rotated', () => {
    expect(callbackSecrets().parse(`${of(24)}, ${of(64)}`)).toEqual([of(24), of(64)]);
    for (const wrong of ['', of(23), of(65), 'whsec_', 'whsec_***', of(32).slice('whsec_'.length), `${of(24)},other`])
      expect(callbackSecrets().safeParse(wrong).success).toBe(false);
  });
});
