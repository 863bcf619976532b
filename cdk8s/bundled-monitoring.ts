import { createHash } from 'node:crypto';
import type { ServiceDefinition } from '@windlass/contracts/service.ts';
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { stringify } from 'yaml';
import { opsServiceName } from './deployed-service.ts';
import type { Environment } from './environments.ts';
import {
  labelsOf,
  namespaceOf,
  namespaces,
  nonRoot,
  number,
  opsPort,
  quantity,
  selectorOf,
  versionOf,
  word,
} from './naming.ts';
import type { Observability } from './observability.ts';
import { resources, restrictedContainer, restrictedPod, temporary } from './pod.ts';
import { grafanaPort, prometheusPort } from './traffic.ts';

type Values = Extract<Environment['monitoring'], { kind: 'bundled' }>;

/** The user of the official image of Grafana. */
const grafanaUser = 472;
export const prometheusMemoryMiB = 384;
export const grafanaMemoryMiB = 256;

interface Server {
  readonly name: 'prometheus' | 'grafana';
  readonly image: string;
  readonly port: number;
  readonly user: number;
  readonly memoryMiB: number;
  readonly args: readonly string[];
  readonly ready: string;
  readonly live: string;
  readonly dataFolder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly folders: readonly Folder[];
}

/** Files of several ConfigMaps, none of which grows too large, in one folder. */
interface Folder {
  readonly path: string;
  readonly maps: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A Prometheus that looks at all pods of ours, and a Grafana with our dashboards. */
export class BundledMonitoring {
  private readonly scope: Construct;
  private readonly version: string;

  constructor(
    scope: Construct,
    services: readonly ServiceDefinition[],
    environment: Environment,
    values: Values,
    observability: Observability,
  ) {
    this.scope = scope;
    this.version = versionOf(environment);
    this.server(prometheusServer(services, values, observability));
    if (values.grafana !== undefined) this.server(grafanaServer(values.grafana, observability));
  }

  private server(server: Server): void {
    const { scope } = this;
    const { name, port, folders } = server;
    const labels = labelsOf(name, 'monitoring', this.version);
    const metadata = { name, namespace: namespaces.monitoring, labels };
    for (const [map, data] of folders.flatMap(({ maps }) => Object.entries(maps))) {
      new k8s.KubeConfigMap(scope, map, {
        metadata: { ...metadata, name: map },
        data: { ...data },
      });
    }
    new k8s.KubeServiceAccount(scope, `${name}-account`, {
      metadata,
      automountServiceAccountToken: false,
    });
    new k8s.KubeService(scope, `${name}-service`, {
      metadata,
      spec: {
        selector: selectorOf(name),
        ports: [{ name: 'http', port, targetPort: word('http') }],
      },
    });
    new k8s.KubePodDisruptionBudget(scope, `${name}-budget`, {
      metadata,
      spec: {
        maxUnavailable: number(1),
        selector: { matchLabels: selectorOf(name) },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });
    new k8s.KubeDeployment(scope, `${name}-deployment`, {
      metadata,
      spec: {
        replicas: 1,
        selector: { matchLabels: selectorOf(name) },
        // Its data is locked by the one that runs.
        strategy: { type: 'Recreate' },
        revisionHistoryLimit: 3,
        template: {
          metadata: {
            labels,
            annotations: { 'windlass.dev/configuration': checksumOf(folders) },
          },
          spec: podOf(server),
        },
      },
    });
  }
}

function podOf(server: Server): k8s.PodSpec {
  const { name, port, folders } = server;
  const probe = (path: string, periodSeconds: number, failureThreshold: number): k8s.Probe => ({
    httpGet: { path, port: word('http') },
    ...{ periodSeconds, failureThreshold, timeoutSeconds: 5 },
  });
  return {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    securityContext: restrictedPod(server.user),
    containers: [
      {
        name,
        image: server.image,
        imagePullPolicy: 'IfNotPresent',
        args: [...server.args],
        ports: [{ name: 'http', containerPort: port }],
        env: Object.entries(server.env).map(([variable, value]) => ({ name: variable, value })),
        resources: resources(50, `${server.memoryMiB}Mi`),
        securityContext: restrictedContainer,
        startupProbe: probe(server.live, 2, 60),
        readinessProbe: probe(server.ready, 5, 3),
        livenessProbe: probe(server.live, 10, 6),
        volumeMounts: [
          { name: 'data', mountPath: server.dataFolder },
          temporary.mount,
          ...folders.map(({ path }) => ({
            name: volumeOf(path),
            mountPath: path,
            readOnly: true,
          })),
        ],
      },
    ],
    volumes: [
      { name: 'data', emptyDir: { sizeLimit: quantity('2Gi') } },
      temporary.volume,
      ...folders.map(({ path, maps }) => ({
        name: volumeOf(path),
        projected: { sources: Object.keys(maps).map((map) => ({ configMap: { name: map } })) },
      })),
    ],
  };
}

function volumeOf(path: string): string {
  return path.slice(1).replaceAll('/', '-');
}

function checksumOf(folders: Server['folders']): string {
  return createHash('sha256').update(JSON.stringify(folders)).digest('hex').slice(0, 16);
}

function prometheusServer(
  services: readonly ServiceDefinition[],
  { prometheus, exemplars }: Values,
  { rules }: Observability,
): Server {
  return {
    name: 'prometheus',
    image: prometheus,
    port: prometheusPort,
    user: nonRoot,
    memoryMiB: prometheusMemoryMiB,
    args: [
      '--config.file=/etc/prometheus/prometheus.yml',
      '--storage.tsdb.path=/prometheus',
      '--storage.tsdb.retention.time=2d',
      '--storage.tsdb.retention.size=1GB',
      ...(exemplars ? ['--enable-feature=exemplar-storage'] : []),
    ],
    ready: '/-/ready',
    live: '/-/healthy',
    dataFolder: '/prometheus',
    env: {},
    folders: [
      {
        path: '/etc/prometheus',
        maps: {
          'prometheus-configuration': { 'prometheus.yml': stringify(scrapes(services)) },
        },
      },
      {
        path: '/etc/prometheus-rules',
        maps: {
          'prometheus-rules': { 'windlass.yml': stringify({ groups: rules }, { lineWidth: 0 }) },
        },
      },
    ],
  };
}

/** By DNS, every pod of each service: asking the API server would need a token. */
function scrapes(services: readonly ServiceDefinition[]) {
  return {
    global: { scrape_interval: '15s', scrape_timeout: '10s', evaluation_interval: '15s' },
    rule_files: ['/etc/prometheus-rules/*.yml'],
    scrape_configs: services.map((service) => ({
      job_name: service.name,
      dns_sd_configs: [
        {
          names: [`${opsServiceName(service)}.${namespaceOf(service)}.svc.cluster.local`],
          type: 'A',
          port: opsPort(service),
          refresh_interval: '10s',
        },
      ],
    })),
  };
}

function grafanaServer(image: string, { dashboards }: Observability): Server {
  const names = [...new Set(dashboards.map(({ folder }) => folder))];
  const provider = (folder: string) => ({
    name: folder,
    folder,
    type: 'file',
    disableDeletion: true,
    options: { path: `/var/dashboards/${slug(folder)}` },
  });
  return {
    name: 'grafana',
    image,
    port: grafanaPort,
    user: grafanaUser,
    memoryMiB: grafanaMemoryMiB,
    args: [],
    ready: '/api/health',
    live: '/api/health',
    dataFolder: '/var/lib/grafana',
    env: {
      // Whoever reaches it may look, and nobody can change anything.
      GF_AUTH_ANONYMOUS_ENABLED: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
      GF_AUTH_DISABLE_LOGIN_FORM: 'true',
      GF_ANALYTICS_REPORTING_ENABLED: 'false',
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
      GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
      GF_PLUGINS_PREINSTALL_DISABLED: 'true',
    },
    folders: [
      {
        path: '/etc/grafana/provisioning/datasources',
        maps: { 'grafana-sources': { 'prometheus.yaml': stringify(source) } },
      },
      {
        path: '/etc/grafana/provisioning/dashboards',
        maps: {
          'grafana-providers': {
            'windlass.yaml': stringify({ apiVersion: 1, providers: names.map(provider) }),
          },
        },
      },
      ...names.map((folder) => ({
        path: `/var/dashboards/${slug(folder)}`,
        maps: Object.fromEntries(
          dashboards
            .filter((each) => each.folder === folder)
            .map(({ name, json }) => [`grafana-dashboard-${name}`, { [`${name}.json`]: json }]),
        ),
      })),
    ],
  };
}

const source = {
  apiVersion: 1,
  datasources: [
    {
      name: 'Prometheus',
      uid: 'prometheus',
      type: 'prometheus',
      access: 'proxy',
      url: `http://prometheus.${namespaces.monitoring}.svc:${prometheusPort}`,
      isDefault: true,
      jsonData: { timeInterval: '15s', httpMethod: 'POST' },
    },
  ],
};

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}
