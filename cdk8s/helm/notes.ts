import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { databaseSecret } from '../deployed-service.ts';
import { cluster, namespaces } from '../naming.ts';

/** What Helm says when it has installed the chart: what is still missing, and what to do next. */
export function notes(services: readonly ServiceDefinition[]): string {
  const secrets = services
    .filter(({ database }) => database)
    .map(({ name }) => `  ${databaseSecret(name)}`);
  const api = services.find(({ role }) => role === 'api');
  const { platform, system } = namespaces;
  return `{{- $api := ${JSON.stringify(api?.name ?? '')} -}}
windlass {{ include "windlass.version" . }}: the operator is in the namespace ${system}, all else in
${platform}. Three commands to go on with:

1. Wait until the brokers and the services are there:

   kubectl -n ${platform} wait --for=condition=Ready --timeout=5m natscluster/${cluster.name}
   {{- "" }} && kubectl -n ${platform} rollout status --timeout=5m deployment/{{ $api }}

2. Place an order, which has to be CONFIRMED within two minutes. It stocks sample goods where there
   are none, and the payment provider ({{ .Values.provider.url }}) sees it:

   helm test {{ .Release.Name }} -n {{ .Release.Namespace }}

3. Reach the order API:
{{ if .Values.ingress.enabled }}
   curl https://{{ .Values.ingress.host }}/v1/orders/any
{{- else }}
   kubectl -n ${platform} port-forward service/{{ $api }} ${api?.port ?? 0}
{{- end }}
{{- if not .Values.databases.cloudnativePg }}

The services wait for these Secrets in ${platform}, each with the URL of a database as \`uri\`:
${secrets.join('\n')}
{{- end }}
{{- if eq .Release.Namespace "${platform}" }}

The namespace ${platform} is not the chart's, because the release is in it. Let it admit restricted
pods only, which all of this chart are:

   kubectl label namespace ${platform} pod-security.kubernetes.io/enforce=restricted
{{- end }}

The definitions of the operator's kinds are installed once: before an upgrade,
\`kubectl apply --server-side -f crds\` brings the new ones. \`helm uninstall\` keeps the namespaces
and whatever holds data.
`;
}
