import { describe, expect, test } from '@jest/globals';
import { loadOperatorConfig } from './config.ts';

describe('loadOperatorConfig', () => {
  test('fills in the defaults', () => {
    expect(loadOperatorConfig('operator', {})).toEqual({
      kubeconfig: undefined,
      watchNamespace: undefined,
      namespace: 'windlass',
      lease: {
        name: 'windlass-operator',
        timings: { durationMs: 10_000, renewDeadlineMs: 7_000, retryMs: 2_000 },
      },
      defaultConnection: undefined,
      workers: 8,
      resyncMs: 300_000,
      externalMetrics: { service: 'windlass-operator', servicePort: 443 },
    });
  });

  test('serves no external metrics when it is told so', () => {
    expect(loadOperatorConfig('operator', { EXTERNAL_METRICS: 'off' }).externalMetrics).toBe(
      undefined,
    );
  });

  test('counts an empty variable as absent', () => {
    expect(loadOperatorConfig('operator', { WATCH_NAMESPACE: '' }).watchNamespace).toBe(undefined);
  });

  test('knows where assets are that do not say it', () => {
    const env = { DEFAULT_NATS_URL: 'nats://a:4222,nats://b', DEFAULT_NATS_CREDS: '/creds' };
    expect(loadOperatorConfig('operator', env).defaultConnection).toEqual({
      servers: ['nats://a:4222', 'nats://b'],
      creds: '/creds',
    });
  });

  const refused: readonly [Record<string, string>, string][] = [
    [{ RECONCILE_WORKERS: '0' }, 'operator: RECONCILE_WORKERS must lie between 1 and 256.'],
    [{ EXTERNAL_METRICS: 'yes' }, 'operator: EXTERNAL_METRICS must be on or off.'],
    [
      { WATCH_NAMESPACE: 'a/b' },
      'operator: WATCH_NAMESPACE must be the name of an object of Kubernetes.',
    ],
    [{ LEASE_DURATION_MS: '10500' }, 'operator: LEASE_DURATION_MS must be whole seconds.'],
    [
      { LEASE_RENEW_DEADLINE_MS: '10000' },
      'operator: LEASE_RENEW_DEADLINE_MS must be less than LEASE_DURATION_MS.',
    ],
    [
      { LEASE_RETRY_MS: '7000' },
      'operator: LEASE_RETRY_MS must be less than LEASE_RENEW_DEADLINE_MS.',
    ],
  ];
  test.each(refused)('refuses %j', (env, sentence) => {
    expect(() => loadOperatorConfig('operator', env)).toThrow(new Error(sentence));
  });
});
