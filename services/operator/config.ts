import { durationMs, port, readVariables, servers, text, whole } from '@windlass/runtime/config.ts';
import { z } from 'zod';
import type { LeaseTimings } from './control/lease.ts';

const name = text.refine(
  (value) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value),
  'must be the name of an object of Kubernetes',
);

/** What the operator reads besides what every service does; docs/configuration.md explains it. */
export const operatorEnvironment = z.object({
  KUBECONFIG: text.optional(),
  WATCH_NAMESPACE: name.optional(),
  POD_NAMESPACE: name.default('windlass'),
  LEASE_NAME: name.default('windlass-operator'),
  LEASE_DURATION_MS: durationMs.default(10_000),
  LEASE_RENEW_DEADLINE_MS: durationMs.default(7_000),
  LEASE_RETRY_MS: durationMs.default(2_000),
  DEFAULT_NATS_URL: servers.optional(),
  DEFAULT_NATS_CREDS: text.optional(),
  DEFAULT_NATS_NKEY: text.optional(),
  RECONCILE_WORKERS: whole(1, 256).default(8),
  RESYNC_MS: durationMs.default(5 * 60_000),
  EXTERNAL_METRICS: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  EXTERNAL_METRICS_SERVICE: name.default('windlass-operator'),
  EXTERNAL_METRICS_SERVICE_PORT: port.default(443),
  EXTERNAL_METRICS_OWNER: name.optional(),
});

export type OperatorConfig = ReturnType<typeof loadOperatorConfig>;

/** Throws an Error of one sentence, as `loadConfig` does. */
export function loadOperatorConfig(
  service: string,
  env?: Readonly<Record<string, string | undefined>>,
) {
  const variables = readVariables(service, operatorEnvironment, env);
  const timings = {
    durationMs: variables.LEASE_DURATION_MS,
    renewDeadlineMs: variables.LEASE_RENEW_DEADLINE_MS,
    retryMs: variables.LEASE_RETRY_MS,
  };
  checkLease(service, timings);
  return {
    /** Path; absent: the default one, and then the Pod's service account. */
    kubeconfig: variables.KUBECONFIG,
    /** Absent: all of them. */
    watchNamespace: variables.WATCH_NAMESPACE,
    namespace: variables.POD_NAMESPACE,
    lease: { name: variables.LEASE_NAME, timings },
    /** Of assets that do not say where they are; paths are files. */
    defaultConnection: defaultConnectionOf(variables),
    workers: variables.RECONCILE_WORKERS,
    resyncMs: variables.RESYNC_MS,
    /** Absent: they are not served. */
    externalMetrics:
      variables.EXTERNAL_METRICS === 'off'
        ? undefined
        : {
            service: variables.EXTERNAL_METRICS_SERVICE,
            servicePort: variables.EXTERNAL_METRICS_SERVICE_PORT,
            /** Absent: what is registered stays there. */
            owner: variables.EXTERNAL_METRICS_OWNER,
          },
  };
}

function defaultConnectionOf(variables: z.output<typeof operatorEnvironment>) {
  const { DEFAULT_NATS_URL, DEFAULT_NATS_CREDS: creds, DEFAULT_NATS_NKEY: nkey } = variables;
  if (DEFAULT_NATS_URL === undefined) return undefined;
  return {
    servers: DEFAULT_NATS_URL,
    ...(creds === undefined ? {} : { creds }),
    ...(nkey === undefined ? {} : { nkey }),
  };
}

/** A leader must know of its end before anybody may take over, and have tried again until then. */
function checkLease(service: string, timings: LeaseTimings): void {
  const { durationMs, renewDeadlineMs, retryMs } = timings;
  if (durationMs % 1_000 !== 0) {
    throw new Error(`${service}: LEASE_DURATION_MS must be whole seconds.`);
  }
  if (renewDeadlineMs >= durationMs) {
    throw new Error(`${service}: LEASE_RENEW_DEADLINE_MS must be less than LEASE_DURATION_MS.`);
  }
  if (retryMs >= renewDeadlineMs) {
    throw new Error(`${service}: LEASE_RETRY_MS must be less than LEASE_RENEW_DEADLINE_MS.`);
  }
}
