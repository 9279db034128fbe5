import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigurationError, flag, httpUrl, list, postgresUrl, readConfig, tcpPort } from './index';

const settings = z.object({
  PORT: tcpPort(3001),
  DATABASE_URL: postgresUrl(),
  BROKERS: list(),
  REGISTRY: httpUrl().optional(),
  RELAY: flag(true),
});
const good = { DATABASE_URL: 'postgres://user:secret@host:5432/orders', BROKERS: 'a:9092, b:9092' };

describe('reading the configuration', () => {
  it('turns text into types and fills in defaults', () => {
    expect(readConfig(settings, { ...good, RELAY: 'false', UNRELATED: 'x' })).toEqual({
      PORT: 3001,
      DATABASE_URL: good.DATABASE_URL,
      BROKERS: ['a:9092', 'b:9092'],
      RELAY: false,
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig(settings, { ...good, PORT: '', REGISTRY: '' }).PORT).toBe(3001);
  });

  it('takes a secret from the file that a variable names, and says if it cannot', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'past-tense-config-')), 'url');
    writeFileSync(file, `${good.DATABASE_URL}\n`);

    expect(readConfig(settings, { BROKERS: 'a:1', DATABASE_URL_FILE: file }).DATABASE_URL).toBe(good.DATABASE_URL);
    expect(() => readConfig(settings, { ...good, DATABASE_URL: undefined, DATABASE_URL_FILE: '/nowhere' })).toThrow(
      'DATABASE_URL_FILE names a file that cannot be read (ENOENT)',
    );
  });

  it('names every wrong setting in one sentence, and no value (P3)', () => {
    const read = () => readConfig(settings, { PORT: 'many', DATABASE_URL: 'mysql://user:secret@host/orders', RELAY: 'perhaps' });

    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(
      /PORT is not right \(must be a number\); DATABASE_URL is not right \(must be postgres:.*\); BROKERS is not set; RELAY/,
    );
    expect(read).not.toThrow(/secret|perhaps|many/);
  });
});
