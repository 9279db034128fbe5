// Where a service stands beside its own folder: the local stack, the containers, the scopes, the compiler and the lock file.
import { readJson, updateJson } from '@nx/devkit';
import { Alias, parseDocument } from 'yaml';
import { SourceFile } from './typescript.mjs';

const PORTS = 'infra/local/src/services.ts';
const COMPOSE = 'docker-compose.yml';
const FIRST_PORT = 3001;
// Ports of programs that are no services: lag-watch. The others stand beside those of the services.
const OTHER_PORTS = [3010];
/** Commands are listened for a hundred above HTTP. */
const COMMANDS_OFFSET = 100;
/** Where npm links our own packages. */
const WORKSPACE = 'node_modules/@past-tense/';
/** The outside world comes last wherever the services are listed. */
const LAST_SERVICE = 'sandbox';

/** Names that something else in the stack has. */
export function takenNames(tree) {
  const packages = Object.keys(readJson(tree, 'package-lock.json').packages).filter((path) => path.startsWith(WORKSPACE));
  const services = parseDocument(tree.read(COMPOSE, 'utf8'))
    .get('services')
    .items.map(({ key }) => key.value);
  const ports = new SourceFile(tree, PORTS);
  return new Set([
    ...ports.propertiesOf('SERVICE_PORTS').keys(),
    ...ports.propertiesOf('PART_PORTS').keys(),
    ...services,
    'postgres',
    'cdc',
    'carrier',
    ...packages.map((path) => path.slice(WORKSPACE.length)),
  ]);
}

/**
 * The port for HTTP that is wanted, or the first one that nobody has.
 * @throws Error if somebody has the one that is wanted
 */
export function portFor(tree, wanted) {
  const ports = new SourceFile(tree, PORTS);
  const taken = new Set(
    [...ports.propertiesOf('SERVICE_PORTS').values(), ...ports.propertiesOf('PART_PORTS').values()].map((text) =>
      Number(text.replaceAll('_', '')),
    ),
  );
  for (const port of OTHER_PORTS) taken.add(port);
  if (taken.has(wanted)) throw new Error(`Port ${wanted} is taken in ${PORTS}; name another one, or none.`);
  if (wanted) return wanted;
  for (let port = FIRST_PORT; ; port += 1) if (!taken.has(port)) return port;
}

/** Lets the local stack, the containers, the compiler and npm know a new service. */
export function registerService(tree, { name, port, publishes }) {
  new SourceFile(tree, PORTS).addProperty('SERVICE_PORTS', `${name}: ${port}`, { before: LAST_SERVICE });
  updateJson(tree, 'tsconfig.json', (json) => {
    const place = json.references.findIndex(({ path }) => path === `apps/${LAST_SERVICE}/tsconfig.build.json`);
    json.references.splice(place, 0, { path: `apps/${name}/tsconfig.build.json` });
    return json;
  });
  lock(tree, name);
  addToCompose(tree, { name, port, publishes });
}

/** Adds what a token can allow; who helps customers may read everything. */
export function addScope(tree, scope, description) {
  const scopes = new SourceFile(tree, 'libs/auth/src/scopes.ts');
  if (!scopes.propertiesOf('SCOPES').has(scope))
    scopes.addProperty('SCOPES', `'${scope}': ${JSON.stringify(description)}`, { before: 'webhooks:manage' });
}

/** Lets a service listen for commands: its settings, its providers, the local stack and the containers. */
export function openChannel(tree, { receiver, manifest }) {
  const ports = new SourceFile(tree, PORTS);
  const channel = Number(ports.propertiesOf('SERVICE_PORTS').get(receiver)) + COMMANDS_OFFSET;
  ports.addProperty('PART_PORTS', `${receiver}_grpc: ${channel}`);
  new SourceFile(tree, `apps/${receiver}/src/${receiver}.config.ts`)
    .import('commandServerSettings', '@past-tense/service')
    .extend('messagingSettings', `...commandServerSettings(${channel})`);
  new SourceFile(tree, `apps/${receiver}/src/${receiver}.module.ts`).addToArray('providers', `...(${manifest}.answers ?? [])`);
  addLibrary(tree, receiver, 'commands');
  changeCompose(tree, (document) => {
    const service = document.getIn(['services', receiver]);
    for (const [name, value] of [
      ['GRPC_HOST', '0.0.0.0'],
      ['GRPC_PORT', channel],
      ['COMMAND_CALLERS', '${COMMAND_CALLERS:-}'],
    ])
      service.get('environment').set(name, value);
    service.get('ports').add(`127.0.0.1:\${${receiver.toUpperCase()}_GRPC_PORT:-${channel}}:${channel}`);
  });
}

/** Lets a service that has a token of its own send commands to another one. */
export function sendTo(tree, { caller, receiver, scope }) {
  const RECEIVER = receiver.toUpperCase();
  const channel = new SourceFile(tree, PORTS).propertiesOf('PART_PORTS').get(`${receiver}_grpc`);
  const settings = new SourceFile(tree, `apps/${caller}/src/${caller}.config.ts`)
    .import('flag', '@past-tense/config')
    .import('wholeNumber', '@past-tense/config');
  const wanted = [
    ['ADDRESS', `z.string().regex(/^[\\w.-]+:\\d{1,5}$/, 'must be host:port')`, `Where ${receiver} answers commands.`],
    ['TLS', 'flag(false)', `Whether ${receiver} is reached over TLS, with a certificate that Node trusts.`],
    [
      'CA',
      `z.string().refine(isCertificate, 'must be a certificate in PEM').optional()`,
      `Certificates in PEM that the one of ${receiver} must come from; then it is reached over TLS in any case.`,
    ],
    ['TIMEOUT_MS', 'wholeNumber(3_000, { min: 50, max: 10_000 })', 'Milliseconds for one call.'],
  ];
  for (const [name, rule, comment] of wanted)
    settings.extend('messagingSettings', `/** ${comment} */\n${RECEIVER}_COMMANDS_${name}: ${rule}`, { last: true });
  new SourceFile(tree, `apps/${caller}/src/${caller}.module.ts`)
    .import(`${receiver}Client`, `./commands/${receiver}-client`)
    .addToArray('clients', `${receiver}Client(settings, logger)`);
  new SourceFile(tree, 'infra/issuer/src/personas.ts').addToArray('scopes', `'${scope}'`, { within: caller });
  changeCompose(tree, (document) =>
    document.setIn(['services', caller, 'environment', `${RECEIVER}_COMMANDS_ADDRESS`], `${receiver}:${channel}`),
  );
}

/** Lets a service use one of our libraries. */
function addLibrary(tree, service, library) {
  const manifest = `apps/${service}/package.json`;
  const { version } = readJson(tree, `libs/${library}/package.json`);
  updateJson(tree, manifest, (json) => ({ ...json, dependencies: sorted({ ...json.dependencies, [`@past-tense/${library}`]: version }) }));
  updateJson(tree, `apps/${service}/tsconfig.build.json`, (json) => {
    const path = `../../libs/${library}/tsconfig.build.json`;
    const references = json.references.some((one) => one.path === path) ? json.references : [...json.references, { path }];
    return { ...json, references: references.sort((a, b) => a.path.localeCompare(b.path)) };
  });
  lock(tree, service);
}

const sorted = (entries) => Object.fromEntries(Object.entries(entries).sort(([a], [b]) => a.localeCompare(b, 'en')));

/** The entries that npm would write for a package of the workspace. */
function lock(tree, name) {
  const manifest = readJson(tree, `apps/${name}/package.json`);
  updateJson(tree, 'package-lock.json', (json) => {
    const { version, license, dependencies } = manifest;
    const packages = {
      ...json.packages,
      [`apps/${name}`]: { name: manifest.name, version, license, dependencies },
      [`node_modules/${manifest.name}`]: { resolved: `apps/${name}`, link: true },
    };
    return { ...json, packages: sorted(packages) };
  });
}

function addToCompose(tree, { name, port, publishes }) {
  const secret = `secret-${name}`;
  const variable = name.toUpperCase();
  changeCompose(tree, (document) => {
    const readers = ['postgres', 'migrations', ...(publishes.length > 0 ? ['connectors'] : [])];
    insertMount(document, 'secrets', `${secret}:/secrets/${name}`);
    for (const reader of readers) insertMount(document, reader, `${secret}:/secrets/${name}:ro`);
    const volumes = document.get('volumes');
    insertBefore(volumes.items, document.createPair(secret, null), ({ key }) => key.value === `secret-${LAST_SERVICE}`);
    const environment = {
      HTTP_PORT: port,
      DATABASE_URL: `postgres://${name}@postgres:5432/${name}`,
      DATABASE_PASSWORD_FILE: `/secrets/${name}/password`,
      CONSUMED_VERSIONS: `\${${variable}_CONSUMED_VERSIONS:-}`,
    };
    const service = document.createNode({
      command: ['node', '--enable-source-maps', `apps/${name}/dist/main.js`],
      environment,
      volumes: [`${secret}:/secrets/${name}:ro`],
      ports: [`127.0.0.1:\${${variable}_PORT:-${port}}:${port}`],
    });
    for (const list of ['command', 'volumes', 'ports']) service.get(list).flow = true;
    merge(document, service, 'app');
    merge(document, service.get('environment'), 'environment');
    service.set('depends_on', new Alias('after-the-jobs'));
    const health = document.createNode({});
    health.flow = true;
    merge(document, health, 'healthy');
    health.set('test', new Alias('ready'));
    service.set('healthcheck', health);
    const pair = document.createPair(name, service);
    pair.key.spaceBefore = true;
    insertBefore(document.get('services').items, pair, ({ key }) => key.value === LAST_SERVICE);
  });
}

/** Changes the document, so that its comments and its order stay. */
function changeCompose(tree, change) {
  const document = parseDocument(tree.read(COMPOSE, 'utf8'));
  change(document);
  tree.write(COMPOSE, document.toString({ lineWidth: 0, nullStr: '' }));
}

/** Mounts a volume among the secrets that a service of compose reads. */
function insertMount(document, service, mount) {
  const mounts = document.getIn(['services', service, 'volumes']);
  const place = mounts.items.findLastIndex(({ value }) => value.startsWith('secret-'));
  mounts.items.splice(place + 1, 0, document.createNode(mount));
}

function insertBefore(items, pair, isNext) {
  items.splice(items.findIndex(isNext), 0, pair);
}

/** Lets a map begin with what an anchor stands for. */
function merge(document, map, anchor) {
  const pair = document.createPair('<<', null);
  pair.value = new Alias(anchor);
  map.items.unshift(pair);
}
