import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { deployables } from '@windlass/local/deployables.ts';
import { repository } from '@windlass/local/directory.ts';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { commandOf } from '../cdk8s/command.ts';
import { project } from './tidy/dependencies.ts';

const hooks = z.object({
  before: z.array(z.object({ host: z.object({ command: z.array(z.string()) }) })).default([]),
  after: z.array(z.object({ host: z.object({ command: z.array(z.string()) }) })).default([]),
});
const noHooks = { before: [], after: [] };
const artifact = z.object({
  image: z.string(),
  docker: z.object({
    dockerfile: z.string(),
    target: z.string().optional(),
    buildArgs: z.record(z.string(), z.string()).default({}),
  }),
  sync: z.object({ manual: z.array(z.object({ src: z.string(), dest: z.string() })) }).optional(),
});
const parts = z.object({
  build: z.object({ artifacts: z.array(artifact).default([]) }).optional(),
  manifests: z.object({ rawYaml: z.array(z.string()), hooks: hooks.default(noHooks) }).optional(),
  deploy: z.object({ kubectl: z.object({ hooks: hooks.default(noHooks) }) }).optional(),
  portForward: z
    .array(z.object({ resourceName: z.string(), namespace: z.string(), port: z.number() }))
    .default([]),
  verify: z
    .array(z.object({ container: z.object({ image: z.string(), args: z.array(z.string()) }) }))
    .default([]),
});
const config = parts.extend({
  apiVersion: z.literal('skaffold/v4beta13'),
  metadata: z.object({ name: z.string() }),
  requires: z.array(z.object({ configs: z.array(z.string()) })).default([]),
  profiles: z.array(parts.extend({ name: z.string() })).default([]),
});
const read = (path: string) => readFileSync(join(repository, path), 'utf8');
const configs = parseAllDocuments(read('skaffold.yaml')).map((each) => config.parse(each.toJS()));
const all = configs.flatMap((each) => [each, ...each.profiles]);
const service = z.object({
  kind: z.literal('Service'),
  metadata: z.object({ name: z.string(), namespace: z.string() }),
  spec: z.object({ ports: z.array(z.object({ port: z.number() })) }),
});
const manifests = readdirSync(join(repository, 'k8s', 'dev')).map((file) =>
  read(`k8s/dev/${file}`),
);

/** The one image that no manifest names: it places the order of `skaffold verify`. */
const customer = 'windlass/customer';

test('the definitions are there before the platform', () => {
  expect(configs.map(({ metadata }) => metadata.name)).toEqual(['crds', 'windlass']);
  expect(configs[1]?.requires).toEqual([{ configs: ['crds'] }]);
});

test('every deployable has its image, in every profile that builds', async () => {
  const services = (await deployables()).map(({ service }) => `windlass/${service.name}`).sort();
  const built = all.map(({ build }) => build?.artifacts ?? []).filter(({ length }) => length > 0);
  expect(built).not.toHaveLength(0);
  for (const artifacts of built) {
    const images = artifacts.map(({ image }) => image).filter((image) => image !== customer);
    expect(images.sort()).toEqual(services);
    for (const { image, docker } of artifacts.filter((each) => each.image !== customer)) {
      expect(docker.buildArgs).toEqual({ SERVICE: image.replace('windlass/', '') });
    }
  }
  const base = configs.flatMap(({ build }) => build?.artifacts ?? []);
  const placing = base.filter(({ image }) => image === customer);
  expect(placing.map(({ docker }) => docker.target)).toEqual(['customer']);
});

test('the images that are built are those that the manifests name', () => {
  const named = manifests.flatMap((text) => [...text.matchAll(/image: (windlass\/\S+)/g)]);
  const images = new Set(named.map(([, image]) => image));
  const artifacts = configs.flatMap(({ build }) => build?.artifacts ?? []);
  const built = artifacts.map(({ image }) => image).filter((image) => image !== customer);
  expect([...images].sort()).toEqual(built.sort());
});

test('recipes and their targets exist', () => {
  const artifacts = all.flatMap(({ build }) => build?.artifacts ?? []);
  const targets = artifacts.map(({ docker }) => docker.target ?? 'service');
  expect([...new Set(targets)].sort()).toEqual(['customer', 'dev', 'service']);
  for (const [index, { docker }] of artifacts.entries()) {
    const stages = [...stagesOf(docker.dockerfile).keys()];
    expect(stages).toContain(targets[index]);
    // What is built when no other is named.
    expect(stages.at(-1)).toBe('service');
  }
});

test('a changed source goes to where the image has it', () => {
  const artifacts = all.flatMap(({ build }) => build?.artifacts ?? []);
  const synchronised = artifacts.filter(({ sync }) => sync !== undefined);
  expect(synchronised).not.toHaveLength(0);
  expect(synchronised).toEqual(artifacts.filter(({ docker }) => docker.target === 'dev'));
  for (const { docker, sync } of synchronised) {
    const stage = stagesOf(docker.dockerfile).get(docker.target ?? '');
    const [, folder] = /^COPY (?:--chown=\S+ )?services (\S+)\/services$/m.exec(stage ?? '') ?? [];
    // The path of a file below the context is kept below the destination.
    expect(sync?.manual).toEqual([{ src: 'services/**/*.ts', dest: folder }]);
  }
});

/** The text of each stage of a recipe that has a name. */
function stagesOf(path: string): ReadonlyMap<string, string> {
  const texts = read(path).split(/^(?=FROM )/m);
  return new Map(
    texts.flatMap((text) => {
      const [, name] = /^FROM \S+ AS (\S+)$/m.exec(text) ?? [];
      return name === undefined ? [] : [[name, text] as const];
    }),
  );
}

test('the recipe of the services knows every workspace', () => {
  const recipe = read('Dockerfile.base');
  const copied = [...recipe.matchAll(/^COPY services\/([\w-]+)\/package\.json services\/\1\/$/gm)];
  const folders = readdirSync(join(repository, 'services'), { withFileTypes: true });
  const workspaces = folders.filter((each) => each.isDirectory()).map(({ name }) => name);
  expect(copied.map(([, name]) => name).sort()).toEqual(workspaces.sort());
});

test('every path of manifests has manifests', () => {
  const paths = all.flatMap(({ manifests }) => manifests?.rawYaml ?? []);
  expect(paths).toEqual(['k8s/crds/*.yaml', 'k8s/dev/*.yaml', 'k8s/prod/*.yaml']);
  for (const path of paths) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const found = readdirSync(join(repository, folder)).filter((name) => name.endsWith('.yaml'));
    expect(found).not.toHaveLength(0);
  }
});

test('the manifests of an environment are rendered before they are read', () => {
  expect(Object.keys(project.scripts)).toContain('synth');
  const parts = all.flatMap(({ manifests }) => manifests ?? []);
  const rendering = parts.filter(({ hooks }) => hooks.before.length > 0);
  expect(rendering).toHaveLength(2);
  for (const { hooks, rawYaml } of rendering) {
    expect(hooks.before.map(({ host }) => host.command.slice(0, 5))).toEqual([
      ['npm', 'run', '--silent', 'synth', '--'],
    ]);
    const { names } = commandOf(hooks.before[0]?.host.command.slice(5) ?? []);
    expect(rawYaml).toEqual(names.map((name) => `k8s/${name}/*.yaml`));
  }
});

test('the platform is applied when its definitions are established', () => {
  const [crds, ...others] = all.map(({ deploy }) => deploy?.kubectl.hooks.after ?? []);
  const [waits, ...more] = crds?.map(({ host }) => host.command) ?? [];
  expect([waits?.slice(0, 2), more]).toEqual([['sh', '-c'], []]);
  expect(waits?.[2]).toMatch(/^kubectl --context "\$SKAFFOLD_KUBE_CONTEXT" wait /);
  const [, folder = ''] = / --for=condition=Established .* -f (\S+)$/.exec(waits?.[2] ?? '') ?? [];
  expect(configs[0]?.manifests?.rawYaml).toEqual([`${folder}/*.yaml`]);
  expect(others.flat()).toEqual([]);
});

test('every port that is forwarded is one of a Service', () => {
  const services = manifests
    .flatMap((text) => parseAllDocuments(text).map((each) => service.safeParse(each.toJS())))
    .flatMap(({ data }) => data ?? []);
  const forwarded = all.flatMap(({ portForward }) => portForward);
  expect(forwarded.map(({ resourceName }) => resourceName)).toEqual(['order', 'grafana']);
  for (const { resourceName, namespace, port } of forwarded) {
    const found = services.find(
      ({ metadata }) => metadata.name === resourceName && metadata.namespace === namespace,
    );
    expect(found?.spec.ports.map((each) => each.port)).toContain(port);
  }
});

test('the order of the verification goes to Services of the platform', () => {
  const [verified, ...others] = configs.flatMap(({ verify }) => verify);
  expect([verified?.container.image, others]).toEqual([customer, []]);
  const help = read('services/local/order.ts');
  const [program, ...flags] = verified?.container.args ?? [];
  expect(program).toBe('/app/main.mjs');
  for (const flag of flags) expect(help).toContain(`  ${flag.slice(0, flag.indexOf('='))} `);
  const addresses = verified?.container.args
    .join(' ')
    .matchAll(/http:\/\/(\w+)\.windlass\.svc:(\d+)/g);
  const named = [...(addresses ?? [])].map(([, name, port]) => `${name} ${port}`);
  expect(named).toEqual(['order 8080', 'inventory 8081']);
});
