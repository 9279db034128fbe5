import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyPermissions } from '../key-permissions';
import { type TransitKeyStore } from './transit-key-store';
import type { VaultClient } from './vault-client';

const READY_TIMEOUT_MS = 30_000;

/**
 * Brings a server up to date: the engines, a master key for each set of readers, and a policy for each service (`past-tense-shipping`) with which a
 * token lets it use its keys. Policies of services that the contracts no longer name are deleted. Needs a token that may do so.
 * @param mount path below which the engines are mounted
 */
export async function prepareServer(vault: VaultClient, mount: string, store: TransitKeyStore, permissions: KeyPermissions): Promise<void> {
  const { data: mounts } = await vault.call<Record<string, unknown>>('GET', 'sys/mounts');
  for (const [engine, settings] of Object.entries(ENGINES))
    if (!(`${mount}/${engine}/` in mounts)) await vault.call('POST', `sys/mounts/${mount}/${engine}`, settings);
  await keepOneVersion(vault, mount);
  for (const readers of permissions.readers) await store.addReaders(readers);
  const folders = await store.folders();
  const prefix = `${mount.replaceAll('/', '-')}-`;
  for (const service of permissions.users)
    await vault.call('PUT', `sys/policies/acl/${prefix}${service}`, { policy: policyOf(service, mount, permissions.sealers, folders) });
  const { data: policies } = await vault.call<{ keys: string[] }>('GET', 'sys/policies/acl?list=true');
  const users = new Set(permissions.users.map((service) => `${prefix}${service}`));
  for (const policy of policies.keys.filter((one) => one.startsWith(prefix) && !users.has(one)))
    await vault.call('DELETE', `sys/policies/acl/${policy}`);
}

const ENGINES = { transit: { type: 'transit' }, 'data-keys': { type: 'kv', options: { version: '2' } } };

/** A key that was wrapped anew must not stay wrapped with the old master key. A new engine refuses everything for a moment, until it is set up. */
async function keepOneVersion(vault: VaultClient, mount: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const last = Date.now() > deadline;
    const { status } = await vault.call('POST', `${mount}/data-keys/config`, { max_versions: 1 }, last ? [] : [400]);
    if (status < 300) return;
    await sleep(100);
  }
}

/** What a service may do: readers find and make the keys that they read with; a sealer does so for all, and forgets. */
function policyOf(service: string, mount: string, sealers: readonly string[], folders: readonly string[]): string {
  const seals = sealers.includes(service);
  const rules = folders
    .filter((folder) => seals || folder.split('.').includes(service))
    .flatMap((folder) => [
      // Without `update` what is there stays as it is: a reader can neither change nor destroy a key, nor make one for somebody who was forgotten.
      rule(`${mount}/data-keys/data/${folder}/*`, 'create', 'read', ...(seals ? ['update'] : [])),
      rule(`${mount}/transit/encrypt/${folder}`, 'update'),
      rule(`${mount}/transit/decrypt/${folder}`, 'update'),
    ]);
  if (!seals) return rules.join('\n');
  return [
    ...rules,
    rule(`${mount}/transit/keys`, 'list'),
    rule(`${mount}/data-keys/data/_forgotten/*`, 'create', 'update'),
    rule(`${mount}/data-keys/destroy/*`, 'update'),
  ].join('\n');
}

const rule = (path: string, ...capabilities: string[]) => `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`;
