import { expect, test } from '@jest/globals';
import { hostsFile } from './host-names.ts';
import type { Pod, Service } from './pod.ts';

const labels = { app: 'c' };

function pod(index: number, isReady: boolean, namespace = 'here'): Pod {
  return {
    metadata: { name: `c-${index}`, namespace, labels },
    spec: { hostname: `c-${index}`, subdomain: 'c-headless', containers: [] },
    status: {
      podIP: `127.0.1.${index}`,
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  };
}

function service(name: string, publishNotReadyAddresses: boolean): Service {
  return {
    metadata: { name, namespace: 'here' },
    spec: { selector: labels, publishNotReadyAddresses },
  };
}

/** The addresses of a name. */
function lookUp(file: string, name: string): string[] {
  return file
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, ...names]) => names.includes(name))
    .map(([address = '']) => address);
}

const pods = [pod(0, true), pod(1, false)];
const services = [service('c', false), service('c-headless', true)];

test.each([
  ['a pod of a headless service', 'here', 'c-1.c-headless', ['127.0.1.1']],
  ['a pod, with its domain', 'here', 'c-0.c-headless.here.svc.cluster.local', ['127.0.1.0']],
  ['a pod, from another namespace', 'there', 'c-0.c-headless.here.svc', ['127.0.1.0']],
  ['no short name from another namespace', 'there', 'c-0.c-headless', []],
  ['all pods of a service that publishes them', 'here', 'c-headless', ['127.0.1.0', '127.0.1.1']],
  ['the ready pods of another service', 'here', 'c.here.svc', ['127.0.1.0']],
  ['no pod of a service that is not its subdomain', 'here', 'c-0.c', []],
])('knows %s', (_, namespace, name, addresses) => {
  expect(lookUp(hostsFile(namespace, pods, services), name)).toEqual(addresses);
});

test('leaves out pods of other namespaces', () => {
  const file = hostsFile('there', [pod(0, true, 'there')], services);
  expect(file).toBe('127.0.0.1 localhost\n');
});
