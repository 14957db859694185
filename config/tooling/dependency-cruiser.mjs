// Who may import whom. Each rule says what to do instead.

const CORE = 'oauth|x509|workloads|people|grants|policy|issuance|exchange|revocation|evidence|signals'
const EDGES = ['http', 'console', 'mcp', 'cli', 'sdk']
const OURS = '^src/'

/** One library, one home: the paths below src that may import it, and where everybody else goes. */
const homes = [
  ['ioredis', ['storage/redis/'], 'ask for it through a port; the adapter lives in storage/redis'],
  ['lmdb', ['storage/embedded/'], 'ask for it through a port; the adapter lives in storage/embedded'],
  ['jose', ['workloads/', 'people/', 'issuance/', 'cli/'], 'verify in workloads or people, sign in issuance'],
  [
    'express|express-serve-static-core|helmet',
    ['http/', 'console/'],
    'pass plain values; http and console know requests',
  ],
  ['ipaddr\\.js', ['http/'], 'addresses are decided in http'],
  ['node-forge', ['x509/'], 'read and write DER by x509/read-der.ts and write-der.ts; every signature is node:crypto'],
  ['pino|prom-client', ['runtime/'], 'take the logger or the metrics of runtime as a dependency'],
  [
    'zod',
    ['config/', 'http/', 'oauth/', 'grants/', 'people/', 'evidence/'],
    'parse where a document comes in, and pass the parsed value on',
  ],
  ['yaml', ['config/'], 'only the configuration is YAML'],
  ['commander', ['cli/'], 'only the command line has commands'],
  ['ajv|ajv-formats', ['runtime/json-schema\\.ts$'], 'use runtime/json-schema.ts'],
  ['canonicalize', ['runtime/jcs\\.ts$'], 'use runtime/jcs.ts'],
  ['@cedar-policy/cedar-wasm', ['policy/'], 'ask policy for a decision'],
  ['openid-client', ['people/'], 'people signs people in'],
  ['@simplewebauthn/server', ['people/'], 'people verifies passkeys'],
  ['@simplewebauthn/browser', ['console/'], 'only pages talk to a passkey'],
  ['nodemailer|standardwebhooks', ['signals/'], 'tell signals what happened; it tells others'],
]

const libraryRules = homes.map(([library, places, instead]) => ({
  name: `home-of-${library.replaceAll('\\', '').replaceAll('|', '-')}`,
  comment: `${library.replaceAll('\\', '')} has one home. Instead: ${instead}.`,
  severity: 'error',
  from: { path: OURS, pathNot: `^src/(${places.join('|')})` },
  to: { path: `(^|/)node_modules/(@types/)?(${library})(/|$)` },
}))

const edgeRules = EDGES.map((edge) => ({
  name: `${edge}-is-an-edge`,
  comment: `${edge} shows the core to the outside in its own way. Instead of importing another face, move what both need into the core.`,
  severity: 'error',
  from: { path: `^src/${edge}/` },
  to: { path: `^src/(${EDGES.filter((other) => other !== edge).join('|')})/` },
}))

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Two files that need one another are one idea, or hide a third. Instead: move what both need to its own file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing imports this file and it imports nothing. Instead: wire it in, or remove it.',
      severity: 'error',
      from: { orphan: true, path: OURS, pathNot: '^src/(main|cli/main)\\.ts$|\\.d\\.ts$' },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'This import leads nowhere. Instead: install the package, or repair the path (with .js at its end).',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages',
      comment: 'A development package is not there in production. Instead: make it a dependency, or do without.',
      severity: 'error',
      from: { path: OURS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'core-knows-no-outside',
      comment:
        'The core does not know where things are kept, who shows them, or how they were configured. Instead: declare a port beside the domain, or take the value as a parameter; compose.ts wires.',
      severity: 'error',
      from: { path: `^src/(${CORE})/` },
      to: { path: `^src/(storage|${EDGES.join('|')}|config)/|^src/compose/|^src/(main|compose)\\.ts$` },
    },
    {
      name: 'exchange-is-the-last',
      comment:
        'exchange is the use case of /token, and nobody below rests on it. Instead: move what both need to the folder of its word.',
      severity: 'error',
      from: { path: `^src/(${CORE.replace('exchange|', '')})/` },
      to: { path: '^src/exchange/' },
    },
    {
      name: 'oauth-stands-alone',
      comment: "oauth holds the protocol's words and imports nothing of ours. Instead: let the importer translate.",
      severity: 'error',
      from: { path: '^src/oauth/' },
      to: { path: OURS, pathNot: '^src/oauth/' },
    },
    {
      name: 'x509-stands-alone',
      comment:
        'x509 holds the words of RFC 5280 and knows neither workloads nor grants. Instead: let the importer translate.',
      severity: 'error',
      from: { path: '^src/x509/' },
      to: { path: OURS, pathNot: '^src/(x509|runtime)/' },
    },
    {
      name: 'runtime-stands-alone',
      comment: 'runtime knows nothing of what we do. Instead: move the domain part into its folder.',
      severity: 'error',
      from: { path: '^src/runtime/' },
      to: { path: OURS, pathNot: '^src/runtime/' },
    },
    {
      name: 'config-is-read-by-those-who-compose',
      comment: 'storage takes plain values. Instead of reading the configuration, take what you need as a parameter.',
      severity: 'error',
      from: { path: '^src/storage/' },
      to: { path: `^src/(config|${EDGES.join('|')})/|^src/compose/|^src/(main|compose)\\.ts$` },
    },
    {
      name: 'one-place-picks-adapters',
      comment:
        'Only compose/open-stores.ts (and the programs) pick an adapter. Instead: take the port as a dependency.',
      severity: 'error',
      from: { path: OURS, pathNot: '^src/(storage/|cli/|compose/open-stores\\.ts$)' },
      to: { path: '^src/storage/' },
    },
    {
      name: 'edges-are-composed',
      comment: 'An edge is wired, and wires nothing itself. Instead: take what you need as a parameter.',
      severity: 'error',
      from: { path: '^src/(http|console|mcp|sdk)/' },
      to: { path: '^src/compose/|^src/(main|compose)\\.ts$' },
    },
    {
      name: 'adapters-are-apart',
      comment:
        'The adapters share their contract, not their code. Instead: move pure parts beside the port or into storage/.',
      severity: 'error',
      from: { path: '^src/storage/(redis|embedded)/' },
      to: { path: '^src/storage/(redis|embedded)/', pathNot: '^src/storage/$1/' },
    },
    ...edgeRules,
    ...libraryRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
