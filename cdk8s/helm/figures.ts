import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { budgetOf } from '../budgets.ts';
import { fileStoreShare, reservedBytes } from '../contradictions.ts';
import type { Environment } from '../environments.ts';
import type { Budget } from '../namespaces.ts';
import { deployedIn } from '../naming.ts';
import { Expression } from './template.ts';
import type { ReplicaRange } from './values.ts';

const mebibyte = 1_024 * 1_024;
const replicas = 'int .Values.autoscaling.replicasMax';

/** Every service that is scaled keeps some room, and none has use for more than it declares. */
export function replicaRange(
  services: readonly ServiceDefinition[],
  environment: Environment,
): ReplicaRange {
  const scaled = deployedIn(services, environment)
    .map(({ scaling }) => scaling)
    .filter(({ replicasMin, replicasMax }) => replicasMax > replicasMin);
  return {
    min: Math.max(...scaled.map(({ replicasMin }) => replicasMin)) + 1,
    max: Math.max(...scaled.map(({ replicasMax }) => replicasMax)),
  };
}

/** The most replicas of one service. */
export function replicasExpression({ scaling }: ServiceDefinition): Expression {
  return new Expression(`{{ min ${scaling.replicasMax} (${replicas}) }}`);
}

/**
 * The quota of a namespace: `budgetOf` for each number of replicas that may be given, and what
 * the servers of NATS ask for on top, of which the budget is a multiple.
 */
export function quotaExpressions(
  namespace: string,
  services: readonly ServiceDefinition[],
  environment: Environment,
  { min, max }: ReplicaRange,
): Readonly<Record<string, Expression | string>> {
  const deployed = deployedIn(services, environment);
  const budget = (replicasMax: number, units: number): Budget => {
    const nats = { ...environment.nats, cpu: `${units}m`, memory: `${units}Mi` };
    return budgetOf(namespace, deployed, { ...environment, replicasMax, nats });
  };
  const expression = (of: (budget: Budget) => number, unit: string, each: string) => {
    const slope = of(budget(min, 2)) - of(budget(min, 1));
    const table = Array.from({ length: max - min + 1 }, (_, index) => {
      const [one, ten] = [budget(min + index, 1), budget(min + index, 10)].map(of);
      if (one === undefined || ten !== one + 9 * slope) {
        throw new Error(`The quota of ${namespace} is no multiple of what NATS asks for.`);
      }
      return one - slope;
    });
    const isSame = table.every((figure) => figure === table[0]);
    if (isSame && slope === 0) return `${table[0]}${unit}`;
    const looked = `index (list ${table.join(' ')}) (sub (${replicas}) ${min} | int)`;
    const sum = slope === 0 ? looked : `add (${looked}) (mul ${slope} (${each} | int64))`;
    return new Expression(`"{{ ${sum} }}${unit}"`);
  };
  const memory = expression(
    ({ memoryMiB }) => memoryMiB,
    'Mi',
    'include "windlass.mebibytes" .Values.nats.memory',
  );
  return {
    pods: expression(({ pods }) => pods, '', '0'),
    'requests.cpu': expression(
      ({ cpuMillis }) => cpuMillis,
      'm',
      'include "windlass.millis" .Values.nats.cpu',
    ),
    'requests.memory': memory,
    'limits.memory': memory,
  };
}

/** What the templates share: parts of values, and what the schema cannot say of them. */
export function sharedTemplates(environment: Environment): string {
  const neededMiB = Math.ceil(reservedBytes(environment) / fileStoreShare / mebibyte);
  return `{{- /* What the processes call their version: the tag without a digest. */ -}}
{{- define "windlass.version" -}}
{{ .Values.image.tag | splitList "@" | first }}
{{- end }}

{{- define "windlass.mebibytes" -}}
{{- $figure := regexFind "^[0-9]+" . | int64 -}}
{{ if hasSuffix "Gi" . }}{{ mul $figure 1024 }}{{ else }}{{ $figure }}{{ end }}
{{- end }}

{{- define "windlass.millis" -}}
{{- $figure := regexFind "^[0-9]+" . | int64 -}}
{{ if hasSuffix "m" . }}{{ $figure }}{{ else }}{{ mul $figure 1000 }}{{ end }}
{{- end }}

{{- define "windlass.providerPort" -}}
{{- $url := urlParse .Values.provider.url -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{ if $port }}{{ $port }}{{ else if eq $url.scheme "https" }}443{{ else }}80{{ end }}
{{- end }}

{{- /* Streams reserve their bytes: one that does not fit is never made. */ -}}
{{- define "windlass.storage" -}}
{{- if lt (include "windlass.mebibytes" .Values.nats.storage | int64) (int64 ${neededMiB}) }}
{{- fail (printf "nats.storage is %s, and the streams need ${neededMiB}Mi." .Values.nats.storage) }}
{{- end }}
{{- end }}
`;
}
