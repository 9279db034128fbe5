import { createProjectGraphAsync } from '@nx/devkit';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tseslint from 'typescript-eslint';

// Everything is linted in one process with the one program that has all files: a sixth of the work of a process for each project. A project by itself
// is linted with its own.
const whole = process.cwd() === import.meta.dirname;
if (whole) {
  // Without a graph to read, the rule for the boundaries says nothing at all.
  process.env.NX_DAEMON ??= 'false';
  await createProjectGraphAsync();
}

// Which library may use which. Everything else is refused; tools/architecture holds a fixture that breaks each rule.
const mayUse = {
  contracts: [],
  envelope: [],
  config: [],
  telemetry: [],
  auth: ['telemetry'],
  outbound: ['telemetry'],
  database: ['telemetry'],
  commands: ['auth', 'config', 'contracts', 'database', 'envelope', 'privacy', 'telemetry'],
  jobs: ['auth', 'config', 'database', 'envelope', 'service', 'telemetry'],
  webhooks: ['auth', 'config', 'database', 'envelope', 'service', 'telemetry'],
  dedup: ['database', 'envelope', 'telemetry'],
  privacy: ['config', 'contracts', 'database', 'telemetry'],
  outbox: ['contracts', 'database', 'envelope', 'privacy', 'telemetry'],
  messaging: ['contracts', 'database', 'dedup', 'envelope', 'outbox', 'privacy', 'telemetry'],
  service: ['auth', 'commands', 'config', 'contracts', 'database', 'dedup', 'envelope', 'messaging', 'outbox', 'privacy', 'telemetry'],
  testing: ['contracts', 'envelope', 'local'],
  local: [],
  issuer: ['auth', 'config', 'telemetry'],
  'key-store': ['config', 'privacy', 'telemetry'],
  catalogue: ['config', 'contracts', 'messaging', 'telemetry'],
  observability: ['contracts', 'local'],
  cdc: ['config', 'contracts'],
  'lag-watch': ['config', 'contracts', 'messaging', 'telemetry'],
  'dead-letters': ['contracts', 'database', 'local', 'messaging', 'telemetry'],
  forget: ['local'],
  position: ['contracts', 'local'],
  replay: ['config', 'contracts', 'database', 'local', 'messaging', 'telemetry'],
  rebuild: ['contracts', 'local'],
  'event-catalogue': ['contracts', 'envelope', 'messaging'],
};

const name = (project) => `name:${project}`;
const constraints = [
  ...Object.entries(mayUse).map(([project, used]) => ({
    sourceTag: name(project),
    onlyDependOnLibsWithTags: [...used, 'testing'].map(name),
  })),
  { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['type:lib'] },
  { sourceTag: 'type:tools', onlyDependOnLibsWithTags: ['type:lib', 'type:infra'] },
  { sourceTag: 'type:e2e', onlyDependOnLibsWithTags: ['type:lib', 'type:infra'] },
];

const onlyInMessaging = {
  name: 'kafkajs',
  message: 'Only libs/messaging/src/kafka talks to Kafka; use what @past-tense/messaging offers.',
};
const norTheOther = { ...onlyInMessaging, name: '@platformatic/kafka' };
const notInReactions = {
  name: '@past-tense/commands',
  message: 'A reaction sends no command: events are replayed, and a replay must ask nobody to do anything again.',
};
// A member of an enum of the contracts is written Event_Enum.MEMBER; comparing with one is branching.
const MEMBER = 'MemberExpression[object.name=/^[A-Z][A-Za-z0-9]*_[A-Z]/]';
const branchOnKnownValues = {
  selector: [
    `BinaryExpression[operator=/^[!=]==?$/]:not(:has(CallExpression[callee.name=/^known[A-Z]/])) > ${MEMBER}`,
    `SwitchStatement:not(:has(> CallExpression.discriminant[callee.name=/^known[A-Z]/])) > SwitchCase > ${MEMBER}.test`,
  ].join(', '),
  message:
    'Branch on known…(value) of @past-tense/contracts: a value that was added later must be dead-lettered, not taken for another one.',
};
// What the contracts mark as personal, as code names it, and what holds it. `token` alone is a secret and nothing personal: logs redact it.
const personal = readdirSync(join(import.meta.dirname, 'libs/contracts'), { recursive: true })
  .filter((file) => /^(proto|commands)\/.*\.proto$/.test(file))
  .map((file) => readFileSync(join(import.meta.dirname, 'libs/contracts', file), 'utf8'))
  .flatMap((text) => [...text.matchAll(/(\w+) = \d+ \[[^\]]*\bv1\.personal\) = true/g)].map(([, field]) => field))
  .map((field) => field.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()));
const PERSONAL = `Identifier[name=/^(${[...new Set([...personal, 'address', 'deliveryAddress'])].join('|')})$/]`;
const noPersonalData = {
  selector: [
    `CallExpression[callee.property.name=/^(trace|debug|info|warn|error|fatal)$/]:matches([callee.object.name=/logger$/i], [callee.object.property.name=/logger$/i]) ${PERSONAL}`,
    `CallExpression[callee.property.name=/^(setAttributes?|addEvent|updateName)$/] ${PERSONAL}`,
    `Property[key.name='attributes'] > ObjectExpression ${PERSONAL}`,
    `Property[key.name='headers'] > ObjectExpression ${PERSONAL}`,
  ].join(', '),
  message: 'Nothing personal goes into a log, a span or a header: nobody can be forgotten there. Name the id.',
};
const onlyInTests = { name: '@past-tense/testing', message: 'Only tests may use @past-tense/testing.' };
const onlyByItsName = {
  group: ['@past-tense/*/*'],
  message: 'A library has one entrance, its name, and a service has none; export what is needed from the index of its library.',
};
const restrict = (...paths) => ['error', { paths, patterns: [onlyByItsName] }];

const TESTS = ['**/*.spec.ts', '**/*.int-spec.ts', '**/*.e2e-spec.ts', '**/test/**/*.ts', 'e2e/**/*.ts', 'libs/testing/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/dist', '**/node_modules', '.nx', '.past-tense', '**/*.fixture.ts', 'libs/contracts/src/gen', 'coverage'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: {
      parserOptions: { ...(whole ? { project: 'tsconfig.check.json' } : { projectService: true }), tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { enforceBuildableLibDependency: false, allow: [], depConstraints: constraints }],
      'no-restricted-imports': restrict(onlyInMessaging, norTheOther, onlyInTests),
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unsafe-function-type': 'off', // A class is a Function to TypeORM and Nest.
      '@typescript-eslint/require-await': 'off', // An async function says what it returns, with or without an await in it.
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
      'no-restricted-syntax': ['error', noPersonalData],
      'max-lines': ['error', { max: 260, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
    },
  },
  { files: ['apps/*/src/**/*.ts'], rules: { 'no-restricted-syntax': ['error', branchOnKnownValues, noPersonalData] } },
  {
    files: ['apps/*/src/reactions/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [onlyInMessaging, norTheOther, onlyInTests, notInReactions],
          patterns: [
            onlyByItsName,
            { group: ['../commands/*', '../http/*'], message: 'A reaction asks nobody for anything; it changes what is its own.' },
          ],
        },
      ],
    },
  },
  { files: ['libs/messaging/src/kafka/**/*.ts'], rules: { 'no-restricted-imports': restrict(onlyInTests) } },
  { files: TESTS, rules: { 'no-restricted-imports': restrict(onlyInMessaging, norTheOther), 'max-lines': 'off' } },
  { files: ['libs/messaging/test/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['bench/src/**/*.ts'], rules: { 'no-restricted-imports': 'off' } }, // It measures kafkajs as it is beside what we make of it.
  { files: ['infra/local/src/demo.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.base],
    rules: { 'no-undef': 'off' },
  },
  prettier,
);
