// `npx nx g eject orders ../my-shop`. JavaScript, so that it runs before anything is compiled.
import { visitNotIgnoredFiles } from '@nx/devkit';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';

const README = join(dirname(fileURLToPath(import.meta.url)), 'files', 'README.md.template');

/** What starts and tests a service, whichever it is. */
const MACHINERY = ['@past-tense/local', '@past-tense/catalogue', '@past-tense/key-store', '@past-tense/issuer', '@past-tense/testing'];
/** A service that uses this calls somebody outside; here that is the sandbox. */
const OUTBOUND = '@past-tense/outbound';
const SANDBOX = '@past-tense/sandbox';

const FILES = [
  '.gitignore',
  '.npmrc',
  '.prettierignore',
  '.prettierrc.json',
  'LICENSE',
  'eslint.config.mjs',
  'jest.config.cjs',
  'nx.json',
  'package-lock.json',
  'tsconfig.base.json',
  'tsconfig.check.json',
  'tools/longest-first.cjs',
  'tools/prepare.mjs',
  'tools/test.mjs',
  // What the libraries promise. A test of the contracts compares the first with what the gate says.
  'docs/how-to/change-an-event.md',
  'docs/how-to/run-on-your-own-kafka-and-postgresql.md',
  'docs/access.md',
  'docs/commands.md',
  'docs/envelope.md',
  'docs/jobs.md',
  'docs/ordered-retry.md',
  'docs/webhooks.md',
];

const SCRIPTS = [
  'start',
  'token',
  'query',
  'catalogue',
  'test',
  'contracts:check',
  'contracts:generate',
  'contracts:release',
  'lint',
  'format',
];

/**
 * Writes a workspace with one service, what it uses and what starts and tests it.
 * @param {import('@nx/devkit').Tree} tree
 * @param {{service: string, target: string}} options `target` is taken from the folder in which the command was given
 * @returns {Promise<() => void>} makes the lock file fit what was taken
 * @throws Error in one sentence if there is no such service, or the target is no empty folder outside of this repository that a package can be named by
 */
export default async function eject(tree, { service, target }) {
  const packages = packagesOf(tree);
  const services = [...packages.values()].flatMap(({ folder }) => /^apps\/(.*)$/.exec(folder)?.[1] ?? []);
  if (!services.includes(service)) throw new Error(`There is no service "${service}"; there are ${services.join(', ')}.`);
  const home = resolve(process.env.INIT_CWD ?? process.cwd(), target);
  refuseUnlessFree(home, target, tree.root);

  const taken = closure(packages, [`@past-tense/${service}`, ...MACHINERY]);
  const files = new Set(FILES);
  for (const { folder } of taken) visitNotIgnoredFiles(tree, folder, (file) => files.add(file.split(sep).join('/')));

  const to = relative(tree.root, home).split(sep).join('/');
  const write = (file, content, options) => tree.write(`${to}/${file}`, content, options);
  for (const file of files) {
    const content = tree.read(file);
    const text = file.endsWith('.md') && (await formatted(tree, file, withoutLinksTo(files, file, content.toString())));
    write(file, text || content, { mode: statSync(join(tree.root, file)).mode });
  }
  const folders = taken.map(({ folder }) => folder);
  write('package.json', asJson(rootPackage(tree, basename(home), service)));
  write('tsconfig.json', asJson(rootReferences(tree, folders)));
  write('README.md', await formatted(tree, 'README.md', readme(basename(home), packages.get(`@past-tense/${service}`), taken)));
  return () => {
    fitLockFile(home);
    console.log(`\n${service} is in ${home}. There: npm start, and npm test -- ${service}.`);
  };
}

function packagesOf(tree) {
  const found = ['apps', 'libs', 'infra']
    .flatMap((kind) => tree.children(kind).map((name) => `${kind}/${name}`))
    .filter((folder) => tree.exists(`${folder}/package.json`))
    .map((folder) => ({ folder, manifest: readJson(tree, `${folder}/package.json`) }));
  return new Map(found.map((one) => [one.manifest.name, one]));
}

function refuseUnlessFree(home, target, root) {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(basename(home)))
    throw new Error(`${target} cannot be the name of a package; choose lower-case letters, digits and hyphens, such as ../my-shop.`);
  const inside = relative(root, home);
  if (!inside.startsWith('..')) throw new Error(`${target} is inside of this repository; choose a folder beside it, such as ../my-shop.`);
  if (!existsSync(home)) return;
  if (!statSync(home).isDirectory() || readdirSync(home).length > 0)
    throw new Error(`${target} is there already and not an empty folder; choose another one, or delete it.`);
}

/** The packages with these names, what they depend on, and the outside world if one of them calls it. */
function closure(packages, names) {
  const taken = new Map();
  const take = (name) => {
    const found = packages.get(name);
    if (!found || taken.has(name)) return;
    taken.set(name, found);
    Object.keys({ ...found.manifest.dependencies, ...found.manifest.devDependencies }).forEach(take);
    if (name === OUTBOUND) take(SANDBOX);
  };
  names.forEach(take);
  return [...taken.values()];
}

function rootPackage(tree, name, service) {
  const { description: _whole, name: _name, workspaces: _workspaces, scripts, ...same } = readJson(tree, 'package.json');
  return {
    name,
    description: `The service ${service} of Past Tense, in a repository of its own.`,
    ...same,
    workspaces: ['apps/*', 'libs/*', 'infra/*'],
    scripts: {
      ...Object.fromEntries(SCRIPTS.map((script) => [script, scripts[script]])),
      build: 'npm run --silent contracts:check -- --generated && tsc -b',
    },
  };
}

function rootReferences(tree, folders) {
  const { references, ...same } = readJson(tree, 'tsconfig.json');
  return { ...same, references: references.filter(({ path }) => folders.includes(posix.dirname(path))) };
}

function readme(name, { folder, manifest }, taken) {
  const service = basename(folder);
  const apps = taken.flatMap(({ folder: one }) => (one.startsWith('apps/') ? basename(one) : []));
  const values = { name, service, description: manifest.description, apps: apps.join(' and ') };
  const text = readFileSync(README, 'utf8').replace(/\{\{(\w+)\}\}/g, (_, key) => values[key]);
  return apps.includes('sandbox') ? text : text.replace(/^.*apps\/sandbox.*\n/m, '');
}

/** A text whose links to what stays behind are words without a link. */
function withoutLinksTo(files, file, text) {
  const isThere = (path) => files.has(path) || [...files].some((other) => other.startsWith(`${path}/`));
  return text.replace(/!?\[([^\]]*)\]\(([^)#\s]+)[^)]*\)/g, (link, words, path) =>
    /^\w+:/.test(path) || isThere(posix.join(posix.dirname(file), path)) ? link : words,
  );
}

async function formatted(tree, file, text) {
  const path = join(tree.root, file);
  return await prettier.format(text, { ...(await prettier.resolveConfig(path)), filepath: path });
}

/** npm takes out of the copied lock file what belongs to packages that stayed behind; it asks nobody, because nothing is added. */
function fitLockFile(home) {
  const { status } = spawnSync('npm', ['install', '--package-lock-only', '--offline', '--no-audit', '--loglevel=error'], {
    cwd: home,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`The lock file does not fit yet; run npm install in ${home}.`);
}

const readJson = (tree, file) => JSON.parse(tree.read(file, 'utf8'));
const asJson = (value) => `${JSON.stringify(value, null, 2)}\n`;
