import { ConfigurationError, readConfig } from '@past-tense/config';
import { z } from 'zod';
import { keyStoreSettings } from './settings';

const [old, current] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 2).toString('base64')];
const read = (MASTER_KEYS: string) => readConfig(z.object(keyStoreSettings), { MASTER_KEYS }).MASTER_KEYS!;

describe('MASTER_KEYS', () => {
  it('holds keys by name, the current one first', () => {
    expect([...read(`2026-12:${current}, 2026-11:${old}`)]).toEqual([
      ['2026-12', Buffer.alloc(32, 2)],
      ['2026-11', Buffer.alloc(32, 1)],
    ]);
  });

  it.each([
    ['without a name', current],
    ['with an empty name', `:${current}`],
    ['that is too short', `a:${Buffer.alloc(16, 2).toString('base64')}`],
    ['that is missing', 'a:'],
    ['with something behind it', `a:${current}:b`],
    ['twice under one name', `a:${current},a:${old}`],
  ])('refuses a key %s in a sentence that does not hold it', (_, text) => {
    expect(() => read(text)).toThrow(ConfigurationError);
    expect(() => read(text)).toThrow(/MASTER_KEYS is not right \(must /);
    expect(() => read(text)).not.toThrow(new RegExp(current.slice(0, 12)));
  });
});

describe('KEY_STORE_URL', () => {
  const read = (KEY_STORE_URL: string) => readConfig(z.object(keyStoreSettings), { KEY_STORE_URL }).KEY_STORE_URL;

  it.each(['postgres://orders@db:5432/key_store', 'https://bao.example:8200/past-tense'])('may be %s', (url) => {
    expect(read(url)).toBe(url);
  });

  it('is nothing else, which is said in a sentence that does not hold it', () => {
    expect(() => read('mysql://orders:hush@db/keys')).toThrow(
      'KEY_STORE_URL is not right (must be postgres://user:password@host:port/database or https://host:port/mount)',
    );
    expect(() => read('mysql://orders:hush@db/keys')).not.toThrow(/hush/);
  });
});
