import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { describe, test } from '@jest/globals';
import { until } from '@windlass/runtime/testing/until.ts';
import type { ControlPlaneAccess } from './control-plane.ts';
import { KubeApi } from './kube-api.ts';
import { findIsolation } from './kubelet/isolation.ts';

type Answer = ControlPlaneAccess | { readonly unavailable: string };

/**
 * The control plane of this run, which all test files share: it is started when the first asks
 * for it. A test file makes namespaces of its own, see `freshNamespace`; what has no namespace
 * (CRDs, cluster roles) is everybody's. Throws where there is none to be had.
 */
export async function controlPlane(): Promise<ControlPlaneAccess> {
  const answer = await ask();
  if ('unavailable' in answer) throw new Error(answer.unavailable);
  return answer;
}

/**
 * Like `describe` with the control plane of this run; skipped where there is none to be had, and
 * the reason is in the title. To be awaited at the top of a test file.
 */
export async function describeCluster(
  title: string,
  define: (access: ControlPlaneAccess) => void,
): Promise<void> {
  const answer = await ask();
  if ('unavailable' in answer) describeSkipped(title, answer.unavailable);
  else describe(title, () => define(answer));
}

/** Like `describeCluster`, for tests that start a kubelet: skipped where it cannot run as well. */
export async function describeKubelet(
  title: string,
  define: (access: ControlPlaneAccess) => void,
): Promise<void> {
  const isolation = await findIsolation();
  if (typeof isolation === 'string') describeSkipped(title, isolation);
  else await describeCluster(title, define);
}

/** A group of tests that cannot run here, said loudly. */
export function describeSkipped(title: string, reason: string): void {
  process.stderr.write(`SKIPPED: ${title}: ${reason}\n`);
  describe.skip(title, () => {
    test.skip(reason, () => {});
  });
}

async function ask(): Promise<Answer> {
  const servers = process.env.WINDLASS_TEST_SERVERS;
  if (servers === undefined) {
    throw new Error('This test needs servers: run it with jest, and without WINDLASS_UNIT.');
  }
  const { status, text } = await patientGet(`${servers}/control-plane/0`);
  if (status !== 200) throw new Error(`control plane: ${text}`);
  return JSON.parse(text) as Answer;
}

/** Without the time-out of `fetch`, which a build of the programs can outlast. */
function patientGet(url: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      resolve({ status: response.statusCode ?? 0, text });
    });
    request.on('error', reject);
  });
}

/** Makes a namespace and gives its name. Pods can be made in it at once. */
export async function freshNamespace(
  { kubeconfig }: ControlPlaneAccess,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = `test-${randomBytes(5).toString('hex')}`;
  const api = await KubeApi.from(kubeconfig);
  try {
    await api.post('/api/v1/namespaces', { metadata: { name, labels } });
    await accountOf(api, name);
    return name;
  } finally {
    api.close();
  }
}

/** The controllers make it; no pod is admitted before. */
async function accountOf(api: KubeApi, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
  await until(`${namespace} has a service account`, () => api.find(path));
}
