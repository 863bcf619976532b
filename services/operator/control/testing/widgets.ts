import { createLogger } from '@windlass/runtime/telemetry/log.ts';
import { until } from '@windlass/runtime/testing/until.ts';
import type { ControlPlaneAccess } from '../../../../test/cluster/control-plane.ts';
import { HttpClient } from '../http-client.ts';
import { kubeAccess } from '../kube-config.ts';
import type { KubeObject, Resource } from '../objects.ts';
import type { CallRecord } from '../transport.ts';

/** A resource of these tests alone. */
export const widgets: Resource = {
  group: 'test.windlass.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};
export const configMaps: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export const silent = createLogger({
  service: 'test',
  replica: 'test',
  level: 'silent',
  destination: { write: () => {} },
});

const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** A client and the widgets, on the API server of a kubeconfig. */
export async function connect(
  { kubeconfig }: Pick<ControlPlaneAccess, 'kubeconfig'>,
  onCall?: (record: CallRecord) => void,
): Promise<{ readonly kube: HttpClient; readonly close: () => Promise<void> }> {
  const access = kubeAccess({ kubeconfig });
  const kube = new HttpClient({ access, ...(onCall === undefined ? {} : { onCall }) });
  return { kube, close: () => access.close() };
}

/** Several test files may do so at the same time. */
export async function installWidgets(kube: HttpClient): Promise<void> {
  await kube.apply(definitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${widgets.plural}.${widgets.group}` },
    spec: {
      group: widgets.group,
      scope: 'Namespaced',
      names: {
        plural: widgets.plural,
        singular: 'widget',
        kind: widgets.kind,
        listKind: 'WidgetList',
      },
      versions: [{ ...version(), name: widgets.version, served: true, storage: true }],
    },
  });
  await until(() => kube.list(widgets));
}

function version() {
  const condition = { ...open, required: ['type'], properties: { type: { type: 'string' } } };
  const conditions = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
    items: condition,
  };
  const status = {
    type: 'object',
    properties: {
      observedGeneration: { type: 'integer' },
      conditions,
      plan: { type: 'array', items: { type: 'string' } },
      size: { type: 'integer' },
      messages: { type: 'integer' },
      // The API server adds it to whatever is written.
      color: { type: 'string', default: 'none' },
    },
  };
  return {
    subresources: { status: {} },
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: open, status } } },
  };
}

export function widget(
  namespace: string,
  name: string,
  spec: Readonly<Record<string, unknown>> = { size: 1 },
  metadata: Partial<KubeObject['metadata']> = {},
): KubeObject {
  return {
    apiVersion: `${widgets.group}/${widgets.version}`,
    kind: widgets.kind,
    metadata: { ...metadata, name, namespace },
    spec,
  };
}
