import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { addonFiles } from './addons/addons.ts';
import { type Environment, type EnvironmentName, environmentNamed } from './environments.ts';
import { kindCluster } from './kind-cluster.ts';
import { observability } from './observability.ts';
import type { Output } from './output.ts';
import { platformFiles } from './platform.ts';

/** All files of some environments, below k8s. Throws one sentence when one contradicts itself. */
export function rendered(
  names: readonly EnvironmentName[],
  services: readonly ServiceDefinition[],
): Output {
  const parts = names.map((name) => renderedOf(environmentNamed(name), services));
  return {
    folders: parts.flatMap(({ folders }) => folders),
    files: new Map(parts.flatMap(({ files }) => [...files])),
  };
}

/** The same of one environment. What belongs to it besides has folders of its own. */
export function renderedOf(
  environment: Environment,
  services: readonly ServiceDefinition[],
): Output {
  const { name } = environment;
  const bare = { environment, services, observability: observability(false) };
  const platform = below(name, platformFiles(bare).rendered);
  switch (name) {
    case 'ci':
      return { folders: [name], files: platform };
    case 'dev': {
      const kind = new Map([['kind/cluster.yaml', kindCluster(environment)]]);
      return { folders: [name, 'kind'], files: new Map([...platform, ...kind]) };
    }
    case 'prod': {
      const addons = addonFiles({ environment, services, observability: observability(true) });
      return {
        folders: [name, 'prod-addons'],
        files: new Map([...platform, ...below('prod-addons', addons.rendered)]),
      };
    }
  }
}

function below(folder: string, files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...files].map(([name, text]) => [`${folder}/${name}`, text]));
}
