import { newSecret, rotated, validSecrets } from './secrets';

const HOUR_MS = 3_600_000;
const now = new Date('2026-01-05T09:30:00Z');
const later = (ms: number) => new Date(now.getTime() + ms);

describe('a secret', () => {
  it('is whsec_ and the base64 of 24 to 64 random bytes', () => {
    const { secret } = newSecret(now);
    const { length } = Buffer.from(secret.slice('whsec_'.length), 'base64');

    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+=*$/);
    expect(length).toBeGreaterThanOrEqual(24);
    expect(length).toBeLessThanOrEqual(64);
    expect(newSecret(now).secret).not.toBe(secret);
  });
});

describe('a rotation', () => {
  const first = newSecret(now);
  const secrets = rotated([first], 24 * HOUR_MS, now);

  it('lets the old secret sign along until the overlap is over', () => {
    expect(validSecrets(secrets, later(24 * HOUR_MS - 1)).map(({ secret }) => secret)).toEqual([secrets[0].secret, first.secret]);
    expect(validSecrets(secrets, later(24 * HOUR_MS))).toEqual([secrets[0]]);
  });

  it('does not make an old secret live longer', () => {
    const again = rotated(secrets, 24 * HOUR_MS, later(HOUR_MS));

    expect(again).toHaveLength(3);
    expect(validSecrets(again, later(24 * HOUR_MS)).map(({ secret }) => secret)).toEqual([again[0].secret, secrets[0].secret]);
  });

  it('keeps three secrets at most, the newest ones', () => {
    let many = secrets;
    for (let i = 0; i < 5; i += 1) many = rotated(many, 24 * HOUR_MS, later(i));

    expect(many).toHaveLength(3);
    expect(many.map(({ createdAt }) => createdAt)).toEqual([4, 3, 2].map((ms) => later(ms).toISOString()));
  });

  it('without an overlap leaves the new secret alone', () => {
    expect(rotated([first], 0, now)).toHaveLength(1);
  });
});
