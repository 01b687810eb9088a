// The import walls: kernel <- pure libs <- adapter libs <- apps. `npm run lint` holds them.
const pure = '^libs/(contracts|sql|policy|masking|pg-wire|tlog)/';
const adapters =
  '^libs/(event-log|postgres|identity|observability|http|mail|testing|embedded-postgres|embedded-kafka|ledger)/';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'apps-stand-alone',
      comment: 'Apps never import apps; what two need belongs in libs.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'kernel-imports-nothing',
      severity: 'error',
      from: { path: '^libs/kernel/' },
      to: { path: '^(apps|deploy|test|libs/(?!kernel/))' },
    },
    {
      name: 'pure-libs-stay-pure',
      comment: 'A pure core knows neither the adapters nor the apps.',
      severity: 'error',
      from: { path: pure, pathNot: '\\.spec\\.ts$' },
      to: { path: `${adapters}|^(apps|deploy|test)/` },
    },
    {
      name: 'libs-know-no-app',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|deploy|test)/' },
    },
    {
      name: 'kafka-stays-in-event-log',
      severity: 'error',
      from: { pathNot: '^(libs/event-log|deploy/kafka|test)/' },
      to: { path: 'node_modules/kafkajs' },
    },
    {
      name: 'mail-stays-in-mail',
      severity: 'error',
      from: { pathNot: '^libs/(mail|testing)/' },
      to: { path: 'node_modules/nodemailer/' },
    },
    {
      name: 'postgres-stays-in-postgres',
      severity: 'error',
      from: { pathNot: '^(libs/postgres|libs/testing|apps/gateway/src/postgres|test)/|\\.spec\\.ts$' },
      to: { path: 'node_modules/(pg|slonik)/' },
    },
    {
      name: 'the-grammar-stays-in-sql',
      severity: 'error',
      from: { pathNot: '^libs/sql/' },
      to: { path: 'node_modules/libpg-query/' },
    },
    {
      name: 'not-to-dev-dependency',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.spec\\.ts$|^libs/(testing|embedded-postgres|ledger)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'dist'] },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
    },
  },
};
