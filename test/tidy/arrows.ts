import { dirname } from 'node:path';
import { fits, isTest } from './tree.ts';

/** The definitions from which manifests are rendered. */
const rendered = [
  'services/contracts/*',
  'services/local/{deployables,directory,processes}.ts',
  'services/operator/config.ts',
  'services/operator/{api,lag,nats-cluster,nats-user,platform}/*',
  'services/operator/nats-cluster/children/policies.ts',
  'services/runtime/config.ts',
  'services/runtime/broker/{lanes,topology}.ts',
  'services/runtime/failure/error-text.ts',
];

/**
 * What the files of a folder may import, besides those of the same folder. The longest entry
 * that is at or above the file counts; `*` stands for a name, `**` for any path.
 */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'services/contracts': [],
  'services/runtime': [
    'services/contracts/*',
    'services/runtime/{broker,failure,http,store,telemetry}/*',
  ],
  'services/runtime/telemetry': ['services/runtime/*'],
  'services/runtime/failure': ['services/runtime/{broker,store,telemetry}/*'],
  'services/runtime/store': [
    'services/contracts/*',
    'services/runtime/*',
    'services/runtime/{failure,telemetry}/*',
    // What a parked message looks like, and where a test may stop the process.
    'services/runtime/broker/{decode,steps}.ts',
  ],
  'services/runtime/broker': [
    'services/contracts/*',
    'services/runtime/*',
    'services/runtime/{failure,store,telemetry}/*',
  ],
  'services/runtime/http': [
    'services/contracts/*',
    'services/runtime/*',
    'services/runtime/{failure,store,telemetry}/*',
  ],
  'services/runtime/testing': [
    'services/contracts/*',
    'services/runtime/**',
    'services/local/testing.ts',
  ],
  // Runs services as processes; what it describes of them, it reads from their definitions.
  'services/local': [
    'services/contracts/*',
    'services/runtime/*',
    'services/runtime/{broker,store}/*',
    'services/runtime/failure/error-text.ts',
    'services/*/{parts,service}.ts',
    // For what `npm run generate` writes, and for the servers of a test run.
    'services/operator/api/render.ts',
    'test/cluster/keeper-process.ts',
  ],
  // The operator: one loop, the kinds upon it, and what assembles them.
  'services/operator/control': ['services/runtime/{failure,telemetry}/*'],
  'services/operator/api': ['services/operator/control/{kind,objects}.ts'],
  'services/operator/api/testing': ['services/operator/api/*', 'test/cluster/*'],
  'services/operator/control/testing': ['services/operator/control/*', 'services/runtime/**'],
  'services/operator/certificates': ['services/operator/{api,control}/*'],
  'services/operator/certificates/testing': [
    'services/operator/{certificates,control}/*',
    'services/local/*',
  ],
  'services/operator/assets': [
    'services/operator/{api,control}/*',
    'services/runtime/{broker,failure,telemetry}/*',
  ],
  'services/operator/assets/testing': [
    'services/operator/{api,assets,control}/*',
    'services/runtime/{broker,telemetry}/*',
    'services/local/*',
  ],
  'services/operator/nats-user': [
    'services/contracts/*',
    'services/operator/{api,assets,control}/*',
    'services/runtime/{broker,telemetry}/*',
  ],
  'services/operator/nats-user/testing': [
    'services/operator/{assets,control,nats-user}/*',
    'services/runtime/{broker,telemetry}/*',
    'services/local/*',
  ],
  'services/operator/nats-cluster': [
    'services/operator/{api,assets,certificates,control,nats-user}/*',
    'services/operator/nats-cluster/**',
    'services/runtime/{broker,telemetry}/*',
  ],
  'services/operator/lag': [
    'services/operator/{api,assets,certificates,control}/*',
    'services/runtime/{failure,http,telemetry}/*',
  ],
  // The objects of the order platform, for whoever renders manifests.
  'services/operator/platform': [
    'services/contracts/*',
    'services/operator/nats-user/service-role.ts',
    'services/runtime/broker/topology.ts',
  ],
  'services/operator': [
    'services/contracts/*',
    'services/operator/**',
    'services/runtime/*',
    'services/runtime/{broker,http,telemetry}/*',
  ],
  // Every deployable: the broker and the telemetry are the runtime's business.
  services: [
    'services/contracts/*',
    'services/runtime/*',
    'services/runtime/{failure,http,store}/*',
  ],
  // Manifests: what they say of a process, they read from what the process reads.
  cdk8s: ['cdk8s/{addons,helm,monitoring}/*', 'cdk8s/monitoring/rules/rule.ts', ...rendered],
  'cdk8s/addons': ['cdk8s/*', ...rendered],
  'cdk8s/helm': ['cdk8s/*', 'cdk8s/addons/*', ...rendered],
  'cdk8s/testing': ['cdk8s/*', 'services/local/*'],
  // Dashboards and rules: pure functions of what the services declare.
  'cdk8s/monitoring': [
    'cdk8s/monitoring/**',
    'services/contracts/*',
    'services/runtime/event.ts',
    'services/*/service.ts',
  ],
  test: ['cdk8s/**', 'services/**', 'test/**'],
  '.': [],
};
/** What a test beside its file may import as well. */
const testArrows = [
  'services/operator/certificates/issue.ts',
  'services/contracts/*',
  'cdk8s/testing/*',
  'services/runtime/**',
  'services/local/*',
  'test/cluster/**',
  'services/*/*/testing/*',
];

export function mayImport(path: string, target: string): boolean {
  if (dirname(path) === dirname(target)) return true;
  if (path.startsWith(`${dirname(target)}/`) && path.startsWith('test/')) return true;
  const allowed = [...(arrows[entryOf(path)] ?? []), ...(isTest(path) ? testArrows : [])];
  return allowed.flatMap(alternatives).some((pattern) => fits(target, pattern));
}

function entryOf(path: string): string {
  let folder = dirname(path);
  while (arrows[folder] === undefined) folder = dirname(folder);
  return folder;
}

/** `a/{b,c}/*` means `a/b/*` and `a/c/*`. */
function alternatives(pattern: string): string[] {
  const [, before, names, after] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
  if (names === undefined) return [pattern];
  return names.split(',').map((name) => `${before}${name}${after}`);
}

/** Files that import each other in a circle, each circle once; undefined when there is none. */
export function circleIn(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const follow = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of imports.get(path) ?? []) {
      const circle = follow(next, [...trail, path]);
      if (circle !== undefined) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of imports.keys()) {
    const circle = follow(path, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
