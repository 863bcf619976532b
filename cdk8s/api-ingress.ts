import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import type { Environment } from './environments.ts';
import { namespaceOf, serviceLabels } from './naming.ts';

/** By which the world reaches an API, over TLS. */
export class ApiIngress {
  constructor(
    scope: Construct,
    service: ServiceDefinition,
    environment: Environment,
    { host, className, tlsSecret }: Extract<Environment['access'], { kind: 'ingress' }>,
  ) {
    const { name } = service;
    new k8s.KubeIngress(scope, `${name}-ingress`, {
      metadata: {
        name,
        namespace: namespaceOf(service),
        labels: serviceLabels(service, environment),
      },
      spec: {
        ingressClassName: className,
        tls: [{ hosts: [host], secretName: tlsSecret }],
        rules: [
          {
            host,
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name, port: { name: 'http' } } },
                },
              ],
            },
          },
        ],
      },
    });
  }
}
