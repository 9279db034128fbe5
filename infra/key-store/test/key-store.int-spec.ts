import { testDatabase } from '@past-tense/testing';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(__dirname, '..', 'dist', 'main.js');
const base64 = (text: string) => Buffer.alloc(32, text).toString('base64');
const [first, other, second] = [`first:${base64('first')}`, `first:${base64('other')}`, `second:${base64('second')}`];

it('npm run key-store refuses a wrong master key in one sentence without the key, and takes a new one under a new id', async () => {
  const url = await testDatabase();
  const keyStore = (masterKeys: string, ...args: string[]) => {
    const env = { ...process.env, KEY_STORE_URL: url, MASTER_KEYS: masterKeys };
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const refused = {
    status: 1,
    stdout: '',
    stderr:
      'MASTER_KEYS holds another key under the id "first" than the one that the key store knows by it; put that one back, or give the new key an id of its own, in front of the old one.\n',
  };

  expect(keyStore(first)).toMatchObject({ status: 0, stderr: '' });
  expect(keyStore(other)).toEqual(refused);
  expect(keyStore(`${second},${other}`, 'rewrap')).toEqual(refused);
  expect(keyStore(`${second},${first}`, 'rewrap')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('Every data key is wrapped with the current master key.') as string,
  });
  expect(keyStore(first)).toMatchObject({ status: 0 });
});
