import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { metrics } from '@windlass/operator/lag/consumers.ts';
import { authenticationPlace } from '@windlass/operator/lag/front-proxy.ts';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { serviceName } from './deployed-service.ts';
import type { Environment } from './environments.ts';
import { namespaceOf, namespaces, serviceLabels } from './naming.ts';
import {
  clusterRules,
  metricsReaderName,
  ownRules,
  type Rule,
  watchedRules,
} from './operator-rules.ts';

const authorization = 'rbac.authorization.k8s.io';
/** The default of `LEASE_NAME`. */
export const leaseName = 'windlass-operator';

/**
 * What the operator may do, and who may read the metrics that it serves. It registers those
 * itself: an APIService before the first certificate would only be down, and one of somebody else,
 * of whom there can be one in a cluster, is left alone.
 */
export class OperatorAccess {
  private readonly scope: Construct;
  private readonly subject: k8s.Subject;
  private readonly labels: Record<string, string>;

  constructor(scope: Construct, operator: ServiceDefinition, environment: Environment) {
    const namespace = namespaceOf(operator);
    this.scope = scope;
    this.labels = serviceLabels(operator, environment);
    this.subject = { kind: 'ServiceAccount', name: operator.name, namespace };
    this.role(namespaces.platform, watchedRules);
    this.role(namespace, ownRules(leaseName, serviceName(operator)));
    this.clusterRole();
    this.authenticationReader();
    this.metricsReader();
  }

  private role(namespace: string, rules: readonly Rule[]): void {
    const metadata = { name: 'windlass-operator', namespace, labels: this.labels };
    new k8s.KubeRole(this.scope, `role-${namespace}`, { metadata, rules: rules.map(policyRule) });
    new k8s.KubeRoleBinding(this.scope, `role-binding-${namespace}`, {
      metadata,
      roleRef: { apiGroup: authorization, kind: 'Role', name: metadata.name },
      subjects: [this.subject],
    });
  }

  private clusterRole(): void {
    const metadata = { name: 'windlass-operator', labels: this.labels };
    new k8s.KubeClusterRole(this.scope, 'cluster-role', {
      metadata,
      rules: clusterRules.map(policyRule),
    });
    new k8s.KubeClusterRoleBinding(this.scope, 'cluster-role-binding', {
      metadata,
      roleRef: { apiGroup: authorization, kind: 'ClusterRole', name: metadata.name },
      subjects: [this.subject],
    });
  }

  /** By which authority the API server identifies itself to the operator. */
  private authenticationReader(): void {
    new k8s.KubeRoleBinding(this.scope, 'authentication-reader', {
      metadata: {
        name: 'windlass-operator-authentication-reader',
        namespace: authenticationPlace.namespace,
        labels: this.labels,
      },
      roleRef: {
        apiGroup: authorization,
        kind: 'Role',
        name: 'extension-apiserver-authentication-reader',
      },
      subjects: [this.subject],
    });
  }

  private metricsReader(): void {
    const metadata = { name: metricsReaderName, labels: this.labels };
    new k8s.KubeClusterRole(this.scope, 'metrics-reader', {
      metadata,
      rules: [
        {
          apiGroups: ['external.metrics.k8s.io'],
          resources: [...metrics.keys()],
          verbs: ['get', 'list'],
        },
      ],
    });
    new k8s.KubeClusterRoleBinding(this.scope, 'metrics-reader-binding', {
      metadata,
      roleRef: { apiGroup: authorization, kind: 'ClusterRole', name: metadata.name },
      subjects: [
        {
          kind: 'ServiceAccount',
          name: 'horizontal-pod-autoscaler',
          namespace: 'kube-system',
        },
      ],
    });
  }
}

function policyRule({ apiGroup, resource, verbs, names }: Rule): k8s.PolicyRule {
  return {
    apiGroups: [apiGroup],
    resources: [resource],
    verbs: [...verbs],
    ...(names === undefined ? {} : { resourceNames: [...names] }),
  };
}
