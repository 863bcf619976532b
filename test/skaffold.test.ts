import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
});

test('the images that are built are those that the manifests name', () => {
  const named = manifests.flatMap((text) => [...text.matchAll(/image: (windlass\/\S+)/g)]);
  const images = new Set(named.map(([, image]) => image));
  const artifacts = configs.flatMap(({ build }) => build?.artifacts ?? []);
  const built = artifacts.map(({ image }) => image).filter((image) => image !== customer);
  expect([...images].sort()).toEqual(built.sort());
});

test('recipes, their targets and what is synchronised exist', () => {
  for (const { docker, sync } of all.flatMap(({ build }) => build?.artifacts ?? [])) {
    const recipe = read(docker.dockerfile);
    const stages = [...recipe.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, stage]) => stage);
    if (docker.target !== undefined) expect(stages).toContain(docker.target);
    for (const { src } of sync?.manual ?? []) {
      expect(src).toMatch(/^services\//);
      expect(existsSync(join(repository, 'services'))).toBe(true);
    }
  }
});

test('the recipe of the services knows every workspace', () => {
  const recipe = read('Dockerfile.base');
  const copied = [...recipe.matchAll(/^COPY services\/([\w-]+)\/package\.json services\/\1\/$/gm)];
  const folders = readdirSync(join(repository, 'services'), { withFileTypes: true });
  const workspaces = folders.filter((each) => each.isDirectory()).map(({ name }) => name);
  expect(copied.map(([, name]) => name).sort()).toEqual(workspaces.sort());
});

test('every path of manifests has manifests', () => {
  for (const path of all.flatMap(({ manifests }) => manifests?.rawYaml ?? [])) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    expect(path).toMatch(/\/\*\.yaml$/);
    const found = readdirSync(join(repository, folder)).filter((name) => name.endsWith('.yaml'));
    expect(found).not.toHaveLength(0);
  }
});

test('every hook is a script of this project or kubectl', () => {
  const found = all.flatMap(({ manifests, deploy }) => [
    ...(manifests?.hooks.before ?? []),
    ...(deploy?.kubectl.hooks.after ?? []),
  ]);
  expect(found).not.toHaveLength(0);
  for (const { host } of found) {
    const [program, run, , script = '', ...flags] = host.command;
    if (program === 'npm') {
      expect([run, Object.keys(project.scripts).includes(script)]).toEqual(['run', true]);
      if (script === 'synth') expect(() => commandOf(flags.slice(1))).not.toThrow();
    } else {
      expect([program, run, host.command[2]?.split(' ')[0]]).toEqual(['sh', '-c', 'kubectl']);
    }
  }
});

test('every port that is forwarded is one of a Service', () => {
  const services = manifests
    .flatMap((text) => parseAllDocuments(text).map((each) => service.safeParse(each.toJS())))
    .flatMap(({ data }) => data ?? []);
  for (const { resourceName, namespace, port } of all.flatMap(({ portForward }) => portForward)) {
    const found = services.find(
      ({ metadata }) => metadata.name === resourceName && metadata.namespace === namespace,
    );
    expect(found?.spec.ports.map((each) => each.port)).toContain(port);
  }
});

test('the order of the verification goes to Services of the platform', () => {
  const [verified] = configs.flatMap(({ verify }) => verify);
  expect(verified?.container.image).toBe(customer);
  const addresses = verified?.container.args
    .join(' ')
    .matchAll(/http:\/\/(\w+)\.windlass\.svc:(\d+)/g);
  const named = [...(addresses ?? [])].map(([, name, port]) => `${name} ${port}`);
  expect(named).toEqual(['order 8080', 'inventory 8081']);
});
