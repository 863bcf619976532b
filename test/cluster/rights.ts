import type { Rule } from '../../cdk8s/operator-rules.ts';
import type { AuditedRequest } from './audit-log.ts';
import type { KubeApi } from './kube-api.ts';

const authorization = 'rbac.authorization.k8s.io';
const rbac = `/apis/${authorization}/v1`;

/** Gives the user these rights in a namespace or, without one, in the whole cluster. */
export async function grant(
  api: KubeApi,
  user: string,
  rules: readonly Rule[],
  namespace?: string,
): Promise<void> {
  const [kind, place] =
    namespace === undefined ? ['ClusterRole', rbac] : ['Role', `${rbac}/namespaces/${namespace}`];
  const metadata = { name: 'granted' };
  await api.post(`${place}/${kind.toLowerCase()}s`, {
    metadata,
    rules: rules.map(({ apiGroup, resource, verbs, names }) => ({
      ...{ apiGroups: [apiGroup], resources: [resource], verbs },
      ...(names === undefined ? {} : { resourceNames: names }),
    })),
  });
  await bind(api, user, { kind, name: metadata.name }, namespace);
}

/** Gives the user the rights of a role that is there. */
export async function bind(
  api: KubeApi,
  user: string,
  role: { readonly kind: string; readonly name: string },
  namespace?: string,
): Promise<void> {
  const path =
    namespace === undefined
      ? `${rbac}/clusterrolebindings`
      : `${rbac}/namespaces/${namespace}/rolebindings`;
  await api.post(path, {
    metadata: { name: `windlass-${role.name}` },
    roleRef: { apiGroup: authorization, ...role },
    subjects: [{ apiGroup: authorization, kind: 'User', name: user }],
  });
}

/** `verb resource.group`, with the namespace that a rule is for. */
export function granted(rules: readonly Rule[], namespace = ''): readonly string[] {
  return rules.flatMap(({ apiGroup, resource, verbs }) =>
    verbs.map((verb) => right(verb, resource, apiGroup, namespace)),
  );
}

/** Rights that the requests have made use of. */
export function used(requests: readonly AuditedRequest[]): ReadonlySet<string> {
  return new Set(
    requests.flatMap(({ verb, resource, group, namespace, status }) => {
      // To apply what is not there yet takes the right to create it as well.
      const verbs = verb === 'patch' && status === 201 ? ['patch', 'create'] : [verb];
      // A namespace itself is in none, though the log says that it is in itself.
      const place = resource === 'namespaces' ? '' : namespace;
      return verbs.map((each) => right(each, resource, group, place));
    }),
  );
}

/** What the API server has forbidden, each thing once. */
export function refused(requests: readonly AuditedRequest[]): readonly string[] {
  return [...used(requests.filter(({ status }) => status === 403))].sort();
}

function right(verb: string, resource: string, group: string, namespace: string): string {
  const what = group === '' ? resource : `${resource}.${group}`;
  return namespace === '' ? `${verb} ${what}` : `${verb} ${what} in ${namespace}`;
}
