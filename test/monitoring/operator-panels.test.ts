import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { streams } from '@windlass/contracts/streams.ts';
import { platformManifests } from '@windlass/operator/platform/manifests.ts';
import { eventServices } from '../../cdk8s/monitoring/services.ts';
import { Operated } from '../cluster/operated.ts';
import { describeKubelet, describeSkipped } from '../cluster/testing.ts';
import { resolvePrometheus } from './prometheus-program.ts';
import { type RunningPrometheus, startPrometheus } from './running-prometheus.ts';
import { ofOperator, unanswered } from './unanswered.ts';

const minutes = 60_000;
const title = 'the panels on a running operator';
const environment = { replicas: 1, maxAgeDays: 1, maxBytes: 64 * 1_024 * 1_024 };
const programs = await resolvePrometheus();

if (typeof programs === 'string') describeSkipped(title, programs);
else {
  await describeKubelet(title, () => {
    let operated: Operated;
    let prometheus: RunningPrometheus;

    beforeAll(async () => {
      operated = await Operated.start({ operators: 0 });
      const { opsPort } = await operated.startOperator();
      prometheus = await startPrometheus(programs, [`127.0.0.1:${opsPort}`]);
    }, 5 * minutes);

    afterAll(async () => {
      await prometheus?.stop();
      await operated?.stop();
    }, minutes);

    test(
      'all have data while it runs NATS for the platform',
      async () => {
        const name = 'nats';
        const spec = { replicas: 1, tls: { mode: 'Disabled' }, storage: { size: '1Gi' } };
        await operated.apply({ kind: 'NatsCluster', metadata: { name }, spec });
        const place = { namespace: operated.namespace, cluster: name };
        const manifests = platformManifests(streams, eventServices, environment, place);
        await Promise.all(manifests.map((manifest) => operated.apply(manifest)));
        expect(ofOperator.length).toBeGreaterThan(30);
        expect(await unanswered(prometheus, ofOperator, 2 * minutes)).toEqual([]);
      },
      5 * minutes,
    );
  });
}
