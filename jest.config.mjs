import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a test imports when it needs a real server. */
const serverImports = new RegExp(
  '@windlass/local/(testing|platform|nats-|postgres)|/testing/(rig|installed)\\.ts|/cluster/|' +
    '/prometheus-program\\.ts|' +
    "from '\\./(stack|shop)\\.ts'",
);
const root = import.meta.dirname;

/** `npm run test:unit` leaves out every test that needs a server, and all of test/journey. */
function withServers() {
  const files = ['cdk8s', 'services', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
      .map((file) => join(root, folder, file)),
  );
  const folders = [join(root, 'services', 'local'), join(root, 'test', 'cluster')];
  const isWithServers = (file) =>
    folders.some((folder) => file.startsWith(folder)) ||
    serverImports.test(readFileSync(file, 'utf8'));
  return files.filter(isWithServers);
}

const ignored = process.env.WINDLASS_UNIT === '1' ? withServers() : [];

/** One jest for everything: ES modules, transformed by swc, real servers per worker. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['cdk8s', 'services', 'test'].map((folder) => `<rootDir>/${folder}/**/*.test.ts`),
  testPathIgnorePatterns: ['/node_modules/', '/dist/', ...ignored],
  maxWorkers: 2,
  // A busy machine with real servers is slow; how fast something is the benchmarks tell.
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/test/reporter.mjs'],
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
};
