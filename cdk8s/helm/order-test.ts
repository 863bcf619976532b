import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import type { Environment } from '../environments.ts';
import { imageOf, labelsOf, namespaces, program, versionOf } from '../naming.ts';
import { NetworkPolicies } from '../network-policies.ts';
import { resources, restrictedContainer, restrictedPod, temporary } from '../pod.ts';
import { dns, dnsPorts, type Flow, tcp, workload, workloadOf } from '../traffic.ts';

const name = 'customer';
/** Goods on stock are those of this service. */
const stocks = 'inventory';
const settleSeconds = 120;

/**
 * For `helm test`: a pod that stocks sample goods where there are none, orders some of them and
 * succeeds when the order is CONFIRMED, and the policies by which it reaches the services.
 */
export class OrderTest {
  constructor(scope: Construct, services: readonly ServiceDefinition[], environment: Environment) {
    const version = versionOf(environment);
    const api = services.find(({ role }) => role === 'api');
    const stock = services.find((service) => service.name === stocks);
    if (api === undefined || stock === undefined) {
      throw new Error(`An order needs an API and the service ${stocks}.`);
    }
    const self = workload(name, namespaces.platform);
    const flows = [api, stock].map((service): Flow => {
      // Beside the policy that the service has of its own.
      const to = { ...workloadOf(service), name: `${service.name}-${name}` };
      return { from: self, to, ports: tcp(service.port) };
    });
    const resolver = { from: self, to: dns, ports: dnsPorts };
    new NetworkPolicies(scope, [...flows, resolver], [], version);
    const url = (service: ServiceDefinition) =>
      `http://${service.name}.${namespaces.platform}.svc:${service.port}`;
    new k8s.KubePod(scope, 'order', {
      metadata: {
        name: 'one-order',
        namespace: namespaces.platform,
        labels: labelsOf(name, 'test', version),
      },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: restrictedPod(),
        containers: [
          {
            name,
            image: imageOf(name, environment),
            imagePullPolicy: 'IfNotPresent',
            args: [
              program,
              '--count=1',
              `--settle=${settleSeconds}`,
              `--url=${url(api)}`,
              `--stock=${url(stock)}`,
            ],
            resources: resources(100, '128Mi'),
            securityContext: restrictedContainer,
            volumeMounts: [temporary.mount],
          },
        ],
        volumes: [temporary.volume],
      },
    });
    for (const child of scope.node.children.filter(ApiObject.isApiObject)) {
      const isPod = child.kind === 'Pod';
      child.metadata.addAnnotation('helm.sh/hook', 'test');
      // The policies are there before the pod, and go after it.
      child.metadata.addAnnotation('helm.sh/hook-weight', isPod ? '1' : '0');
      const policy = 'before-hook-creation,hook-succeeded';
      child.metadata.addAnnotation('helm.sh/hook-delete-policy', policy);
    }
  }
}
