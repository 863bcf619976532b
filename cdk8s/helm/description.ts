import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { version as apiVersion, group } from '@windlass/operator/api/kinds.ts';
import { definitions } from '@windlass/operator/api/render.ts';
import { stringify } from 'yaml';
import { type Environment, release } from '../environments.ts';
import { deployedIn, imageOf } from '../naming.ts';

/** The first whose API servers know the `sleep` with which an API waits before it stops. */
const kubernetes = '1.30.0';

/** `Chart.yaml`. Its annotations name the images and kinds as catalogues of charts read them. */
export function chartDescription(
  services: readonly ServiceDefinition[],
  environment: Environment,
): string {
  const { nats } = environment;
  const ours = [...deployedIn(services, environment).map(({ name }) => name), 'customer'];
  const images = [
    ...ours.map((name) => ({ name, image: imageOf(name, environment) })),
    { name: 'nats', image: nats.image ?? `nats:${nats.version}-alpine` },
  ];
  const crds = definitions.map(({ resource, description }) => ({
    kind: resource.kind,
    version: apiVersion,
    name: `${resource.plural}.${group}`,
    displayName: resource.kind,
    description,
  }));
  return stringify({
    apiVersion: 'v2',
    name: 'windlass',
    description:
      'An event-driven order platform on NATS JetStream and PostgreSQL, with its operator.',
    type: 'application',
    version: release,
    appVersion: release,
    kubeVersion: `>=${kubernetes}-0`,
    keywords: ['event-driven', 'jetstream', 'nats', 'operator', 'orders'],
    annotations: {
      'artifacthub.io/license': 'Apache-2.0',
      'artifacthub.io/operator': 'true',
      'artifacthub.io/images': stringify(images),
      'artifacthub.io/crds': stringify(crds),
    },
  });
}
