import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** One configuration for all tests: what runs is chosen by directory (test/unit needs no service, the others may). */
export default {
  rootDir: root,
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json'],
  resolver: '<rootDir>/config/tooling/jest-resolver.cjs',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { swcrc: false, jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  setupFiles: ['<rootDir>/config/tooling/jest-setup.mjs'],
  injectGlobals: false,
  watchman: false,
  maxWorkers: 2,
  // Only what hangs is to fail by it, however slow the machine.
  testTimeout: 120_000,
  cacheDirectory: '<rootDir>/.cache/jest',
  coverageDirectory: '<rootDir>/coverage',
  collectCoverageFrom: ['src/**/*.ts'],
  reporters: ['default', '<rootDir>/config/tooling/jest-strict-reporter.mjs'],
}
