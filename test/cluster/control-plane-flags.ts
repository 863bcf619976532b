import { join } from 'node:path';

/** Names and addresses of the API server, besides which it is not reached. */
export const serverNames = ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default.svc'];
/** As whom the API server calls the servers of aggregated APIs. */
export const proxyClient = 'front-proxy-client';

/** What the programs read from the directory of the control plane. */
export type File =
  | `${'ca' | 'server' | 'proxy'}.${'crt' | 'key'}`
  | 'proxy-ca.crt'
  | `tokens.${'pub' | 'key'}`
  | 'audit-policy.json';

export interface Ports {
  readonly etcd: number;
  readonly peer: number;
  readonly server: number;
}

export function auditLog(directory: string): string {
  return join(directory, 'audit.jsonl');
}

export function dataDirectory(directory: string): string {
  return join(directory, 'etcd');
}

/** Nothing survives a crash of the machine, and nothing has to. */
export function etcd(directory: string, { etcd: client, peer }: Ports): string[] {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  return [
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--data-dir=${dataDirectory(directory)}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
}

export function apiServer(directory: string, { etcd: client, server }: Ports): string[] {
  const file = (name: File) => join(directory, name);
  return [
    `--etcd-servers=http://127.0.0.1:${client}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${server}`,
    // Endpoints refuse loopback addresses.
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--tls-cert-file=${file('server.crt')}`,
    `--tls-private-key-file=${file('server.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('tokens.pub')}`,
    `--service-account-signing-key-file=${file('tokens.key')}`,
    `--requestheader-client-ca-file=${file('proxy-ca.crt')}`,
    `--requestheader-allowed-names=${proxyClient}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${file('proxy.crt')}`,
    `--proxy-client-key-file=${file('proxy.key')}`,
    // A watch without a time of its own ends after 5 to 10 minutes.
    '--min-request-timeout=300',
    `--audit-policy-file=${file('audit-policy.json')}`,
    `--audit-log-path=${auditLog(directory)}`,
    '--audit-log-maxsize=10000',
    '--profiling=false',
  ];
}

/** Controllers that would only fail here. */
const withoutControllers = [
  // The test kubelet sends no heartbeats.
  'node-lifecycle-controller',
  // Pods have loopback addresses, which endpoints refuse.
  'endpoints-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
];

export function controllers(directory: string, kubeconfig: string, port: number): string[] {
  const file = (name: File) => join(directory, name);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(directory, 'controllers')}`,
    `--controllers=${['*', ...withoutControllers.map((each) => `-${each}`)].join(',')}`,
    '--leader-elect=false',
    '--allocate-node-cidrs=false',
    `--service-account-private-key-file=${file('tokens.key')}`,
    `--root-ca-file=${file('ca.crt')}`,
    // All that waits in production waits no longer here than a test likes to.
    '--horizontal-pod-autoscaler-sync-period=1s',
    '--horizontal-pod-autoscaler-downscale-stabilization=1s',
    '--horizontal-pod-autoscaler-initial-readiness-delay=1s',
    '--horizontal-pod-autoscaler-cpu-initialization-period=1s',
    '--pvclaimbinder-sync-period=1s',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    '--profiling=false',
  ];
}
