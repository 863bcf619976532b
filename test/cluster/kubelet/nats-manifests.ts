const labels = { app: 'nats' };

/** A JetStream cluster of three as a person would write it by hand, without any operator. */
export function natsManifests(namespace: string): readonly (readonly [string, object])[] {
  const core = `/api/v1/namespaces/${namespace}`;
  return [
    [`${core}/configmaps`, configMap(namespace)],
    [`${core}/services`, headlessService],
    [`/apis/apps/v1/namespaces/${namespace}/statefulsets`, statefulSet],
  ];
}

/** The text of the configuration; `extra` is a line of its own. */
export function configuration(namespace: string, extra = ''): string {
  const routes = [0, 1, 2].map((index) => `nats://n-${index}.n-headless.${namespace}.svc:6222`);
  return [
    'server_name: $POD_NAME',
    'host: $POD_IP',
    'port: 4222',
    'http_port: 8222',
    'pid_file: /var/run/nats/nats.pid',
    'lame_duck_grace_period: 1s',
    'lame_duck_duration: 30s',
    'jetstream { store_dir: /data, max_file_store: 1GB, max_memory_store: 0 }',
    `cluster { name: n, host: $POD_IP, port: 6222, routes: [${routes.join(', ')}] }`,
    extra,
    '',
  ].join('\n');
}

function configMap(namespace: string) {
  return { metadata: { name: 'n-config' }, data: { 'nats.conf': configuration(namespace) } };
}

const headlessService = {
  metadata: { name: 'n-headless' },
  spec: {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: labels,
    ports: [{ name: 'client', port: 4222 }],
  },
};

function field(fieldPath: string) {
  return { valueFrom: { fieldRef: { fieldPath } } };
}

function health(query: string) {
  return { httpGet: { path: `/healthz${query}`, port: 'monitor' }, periodSeconds: 10 };
}

const container = {
  name: 'nats',
  image: 'nats:2.15.1-alpine',
  args: ['--config', '/etc/nats-config/nats.conf'],
  env: [
    { name: 'POD_NAME', ...field('metadata.name') },
    { name: 'POD_IP', ...field('status.podIP') },
    { name: 'GREETING', value: 'from $(POD_NAME)' },
    {
      name: 'MEMORY_MIB',
      valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } },
    },
  ],
  resources: { limits: { memory: '256Mi' } },
  ports: [
    { name: 'client', containerPort: 4222 },
    { name: 'monitor', containerPort: 8222 },
  ],
  volumeMounts: [
    { name: 'config', mountPath: '/etc/nats-config' },
    { name: 'pid', mountPath: '/var/run/nats' },
    { name: 'data', mountPath: '/data' },
  ],
  lifecycle: { preStop: { exec: { command: ['nats-server', '-sl=ldm=/var/run/nats/nats.pid'] } } },
  startupProbe: { ...health('?js-server-only=true'), failureThreshold: 30 },
  readinessProbe: health('?js-server-only=true'),
  livenessProbe: health('?js-enabled-only=true'),
};

const statefulSet = {
  metadata: { name: 'n' },
  spec: {
    serviceName: 'n-headless',
    replicas: 3,
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'OnDelete' },
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 60,
        containers: [container],
        volumes: [
          { name: 'config', configMap: { name: 'n-config' } },
          { name: 'pid', emptyDir: {} },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};
