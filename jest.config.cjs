const { existsSync } = require('node:fs');
const { join } = require('node:path');

// One Jest for the whole repository, so that PostgreSQL and Kafka start once per test run.
// .spec: pure and instant. .int-spec: real PostgreSQL, Kafka, registry. .e2e-spec: the whole system.
module.exports = {
  rootDir: __dirname,
  roots: ['libs', 'apps', 'infra', 'tools', 'e2e', 'bench'].map((folder) => join(__dirname, folder)).filter(existsSync),
  testMatch: ['**/*.spec.ts', '**/*.int-spec.ts', '**/*.e2e-spec.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist/', '<rootDir>/.past-tense/'],
  // Packages that are published as ES modules only. Node 20.19 and later can require them; Jest cannot.
  transformIgnorePatterns: ['/node_modules/(?!(jose|oauth4webapi|openid-client|@platformatic)/)'],
  transform: {
    '\\.[jt]s$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'commonjs' },
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
      },
    ],
  },
  // Generated code imports its neighbours by the name they have after compilation.
  moduleNameMapper: { '^(\\.{1,2}/.*_pb)\\.js$': '$1' },
  testEnvironment: 'node',
  // Packages of this repository are tested from their sources.
  testEnvironmentOptions: { customExportConditions: ['@past-tense/source', 'node', 'require', 'default'] },
  globalSetup: '<rootDir>/libs/testing/src/global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/src/global-teardown.ts',
  // The suites share the machine with Java programs and up to five services each, and spend half of their time waiting for those: two at a
  // time keep two cores busy, more would only get in each other's way. Some run in turn: tools/test.mjs.
  maxWorkers: 2,
  testSequencer: '<rootDir>/tools/longest-first.cjs',
  testTimeout: 120_000,
  // Tests of one file that may run side by side do so on two cores.
  maxConcurrency: 2,
};
