import { readFile, writeFile } from 'node:fs/promises';

/** How one identity reaches the API server. */
export interface Credentials {
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  /** PEM, as are the certificate and the key. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly {
    readonly user: {
      readonly 'client-certificate-data': string;
      readonly 'client-key-data': string;
    };
  }[];
}

/** Writes it as JSON, which is YAML as well: every Kubernetes client reads it. */
export async function writeKubeconfig(path: string, credentials: Credentials): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const { server, authority, certificate, key } = credentials;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'windlass', cluster: { server, 'certificate-authority-data': base64(authority) } },
    ],
    users: [
      {
        name: 'windlass',
        user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) },
      },
    ],
    contexts: [{ name: 'windlass', context: { cluster: 'windlass', user: 'windlass' } }],
    'current-context': 'windlass',
  };
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

/** Reads what `writeKubeconfig` has written; no other form. */
export async function readKubeconfig(path: string): Promise<Credentials> {
  const text = (base64: string) => Buffer.from(base64, 'base64').toString();
  const config = JSON.parse(await readFile(path, 'utf8')) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error(`${path} names no cluster.`);
  return {
    server: cluster.server,
    authority: text(cluster['certificate-authority-data']),
    certificate: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  };
}
