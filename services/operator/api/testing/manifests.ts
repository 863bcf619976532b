/** YAML as somebody writes it who comes from NACK, and with what NACK does not have. */
export const manifests = `
apiVersion: windlass.dev/v1alpha1
kind: Stream
metadata: { name: ledger }
spec:
  name: LEDGER
  description: Every booking, for ten years
  subjects: ['ledger.*.booked', 'ledger.audit.>']
  storage: file
  retention: limits
  discard: new
  discardPerSubject: true
  maxAge: 87600h
  maxBytes: 40Gi
  maxMsgSize: 1048576
  maxMsgs: 500000000
  maxMsgsPerSubject: 100
  maxConsumers: 12
  duplicateWindow: 5m
  noAck: false
  replicas: 3
  placement: { cluster: eu, tags: [ssd, 'zone:a'] }
  denyDelete: true
  denyPurge: true
  sealed: false
  allowDirect: true
  compression: s2
  firstSequence: 1000
  subjectTransform: { source: 'ledger.>', dest: 'books.>' }
  republish: { source: '>', destination: 'copy.>', headersOnly: true }
  consumerLimits: { inactiveThreshold: 1h, maxAckPending: 1000 }
  metadata: { team: finance, example.org/tier: gold }
  clusterRef: { name: nats, namespace: messaging, account: BOOKS }
  deletionPolicy: DeleteIfEmpty
---
apiVersion: windlass.dev/v1alpha1
kind: Stream
metadata: { name: clicks }
spec:
  name: clicks
  storage: memory
  subjects: [clicks]
  allowRollup: true
  allowMsgTtl: true
  subjectDeleteMarkerTtl: 10s
  allowMsgSchedules: true
  allowAtomicPublish: true
  allowBatchPublish: true
  persistMode: default
  preventDelete: true
  preventUpdate: true
  maxAge: ''
  creds: ''
  nkey: ''
  servers: []
---
apiVersion: windlass.dev/v1alpha1
kind: Stream
metadata: { name: counters }
spec: { name: counters, storage: file, subjects: ['hits.*'], allowMsgCounter: true, account: web }
---
apiVersion: windlass.dev/v1alpha1
kind: Stream
metadata: { name: ledger-copy }
spec:
  name: LEDGER_COPY
  storage: file
  mirrorDirect: true
  mirror:
    name: LEDGER
    optStartSeq: 17
    filterSubject: ledger.eu.booked
    externalApiPrefix: '$JS.hub.API'
    externalDeliverPrefix: deliver.hub
  jsDomain: leaf
  servers: ['tls://one.example.org:4222', 'tls://two.example.org:4222']
  tls:
    clientCert: /run/nats/client.crt
    clientKey: /run/nats/client.key
    rootCas: [/run/nats/roots.crt]
  tlsFirst: true
  creds: /run/nats/operator.creds
  nkey: ''
---
apiVersion: windlass.dev/v1alpha1
kind: Stream
metadata: { name: all-ledgers }
spec:
  name: ALL_LEDGERS
  storage: file
  persistMode: async
  sources:
    - name: LEDGER_EU
      optStartTime: '2026-01-01T00:00:00Z'
    - name: LEDGER_US
      subjectTransforms: [{ source: 'ledger.>', dest: 'us.ledger.>' }]
  servers: ['nats://hub.example.org:4222']
  nkey: /run/nats/operator.nk
---
apiVersion: windlass.dev/v1alpha1
kind: Consumer
metadata: { name: mailer }
spec:
  streamName: LEDGER
  durableName: mailer
  description: Sends the mails
  deliverPolicy: byStartSequence
  optStartSeq: 42
  ackPolicy: explicit
  ackWait: 45s
  maxDeliver: 6
  backoff: [1s, 10s, 1m, 1h30m]
  filterSubjects: [ledger.eu.booked, ledger.us.booked]
  replayPolicy: instant
  sampleFreq: 5%
  maxWaiting: 256
  maxAckPending: 64
  headersOnly: true
  maxRequestBatch: 100
  maxRequestExpires: 30s
  maxRequestMaxBytes: 8Mi
  inactiveThreshold: 720h
  pauseUntil: '2027-01-01T00:00:00+01:00'
  priorityPolicy: pinned_client
  pinnedTtl: 2m
  priorityGroups: [mailers]
  replicas: 3
  memStorage: true
  metadata: { team: mail }
  clusterRef: { name: nats, namespace: messaging, account: BOOKS }
  deletionPolicy: Delete
---
apiVersion: windlass.dev/v1alpha1
kind: Consumer
metadata: { name: screens }
spec:
  streamName: LEDGER
  durableName: screens
  deliverPolicy: byStartTime
  optStartTime: '2026-06-01T08:00:00.5Z'
  deliverSubject: screens.bookings
  deliverGroup: screens
  ackPolicy: none
  filterSubject: ledger.>
  replayPolicy: original
  rateLimitBps: 1048576
  flowControl: true
  heartbeatInterval: 5s
  account: books
  preventDelete: true
  preventUpdate: false
  creds: ''
  nkey: ''
  servers: []
  tlsFirst: false
---
apiVersion: windlass.dev/v1alpha1
kind: Consumer
metadata: { name: far }
spec:
  streamName: LEDGER
  durableName: far
  ackPolicy: all
  deliverPolicy: lastPerSubject
  filterSubject: ledger.eu.booked
  jsDomain: hub
  servers: ['nats://hub.example.org:4222']
  tls: { clientCert: /run/c, clientKey: /run/k, rootCas: [/run/nats/roots.crt] }
---
apiVersion: windlass.dev/v1alpha1
kind: KeyValue
metadata: { name: sessions }
spec:
  bucket: sessions
  description: Who is logged in
  maxValueSize: 64Ki
  history: 5
  ttl: 12h
  limitMarkerTtl: 1000000000
  maxBytes: 1073741824
  storage: file
  replicas: 3
  placement: { cluster: eu, tags: [ssd] }
  republish: { source: '>', destination: 'sessions.>', headersOnly: true }
  compression: true
  sources: [{ name: KV_other }]
  metadata: { team: web }
  clusterRef: { name: nats, namespace: messaging, account: WEB }
  deletionPolicy: Retain
---
apiVersion: windlass.dev/v1alpha1
kind: KeyValue
metadata: { name: sessions-copy }
spec:
  bucket: sessions_copy
  limitMarkerTtl: 30s
  mirror: { name: sessions }
  account: web
  creds: ''
  nkey: ''
  preventDelete: false
  preventUpdate: false
  servers: []
  tlsFirst: false
  jsDomain: hub
  tls: { clientCert: /run/c, clientKey: /run/k, rootCas: [/run/r] }
---
apiVersion: windlass.dev/v1alpha1
kind: ObjectStore
metadata: { name: scans }
spec:
  bucket: scans
  description: Scanned letters
  ttl: 8760h
  maxBytes: 100Gi
  storage: file
  replicas: 3
  placement: { cluster: eu, tags: [] }
  compression: true
  metadata: { team: mail }
  account: mail
  creds: ''
  nkey: ''
  preventDelete: true
  preventUpdate: true
  servers: []
  tlsFirst: false
  jsDomain: hub
  tls: { clientCert: /run/c, clientKey: /run/k, rootCas: [/run/r] }
  deletionPolicy: Delete
---
apiVersion: windlass.dev/v1alpha1
kind: ObjectStore
metadata: { name: videos }
spec:
  bucket: videos
  storage: memory
  clusterRef: { name: nats, namespace: messaging, account: WEB }
---
apiVersion: windlass.dev/v1alpha1
kind: Account
metadata: { name: books }
spec:
  name: books
  servers: ['tls://one.example.org:4222']
  creds: { secret: { name: books-creds }, file: operator.creds }
  tls: { secret: { name: books-tls }, ca: ca.crt, cert: tls.crt, key: tls.key }
  tlsFirst: true
---
apiVersion: windlass.dev/v1alpha1
kind: Account
metadata: { name: web }
spec: { name: web, servers: ['nats://one:4222'], creds: { secret: { name: web-creds } } }
---
apiVersion: windlass.dev/v1alpha1
kind: Account
metadata: { name: mail }
spec: { name: mail, nkey: { secret: { name: mail-nkey }, seed: seed } }
---
apiVersion: windlass.dev/v1alpha1
kind: Account
metadata: { name: old }
spec: { name: old, user: { secret: { name: old-user }, user: user, password: password } }
---
apiVersion: windlass.dev/v1alpha1
kind: Account
metadata: { name: older }
spec: { name: older, token: { secret: { name: older-token }, token: token } }
---
apiVersion: windlass.dev/v1alpha1
kind: NatsUser
metadata: { name: mailer }
spec:
  clusterRef: { name: nats, namespace: messaging, account: BOOKS }
  role:
    pulls: [{ stream: LEDGER, consumer: mailer }]
    publishes: [mail.sent]
    subscribes: [mail.stop]
    manages: [MAILS]
  secretName: mailer-nats
  rotation: { every: 720h, overlap: 2h }
  inboxPrefix: _INBOX.mailer
---
apiVersion: windlass.dev/v1alpha1
kind: NatsUser
metadata: { name: auditor }
spec:
  clusterRef: { name: nats }
  permissions:
    publish: { allow: ['audit.>'], deny: [audit.secret] }
    subscribe: { allow: ['>'], deny: ['$SYS.>'] }
    allowResponses: { max: 10, expires: 30s }
---
apiVersion: windlass.dev/v1alpha1
kind: NatsCluster
metadata: { name: small }
---
apiVersion: windlass.dev/v1alpha1
kind: NatsCluster
metadata: { name: large }
spec:
  version: 2.15.1
  image: registry.example.org/nats:2.15.1
  replicas: 5
  storage:
    size: 100Gi
    className: fast
    syncInterval: 2m
    fileStorePercent: 70
    memoryStore: 1Gi
    whenDeleted: Delete
  resources: { requests: { cpu: 500m, memory: 4Gi }, limits: { cpu: 2, memory: 8Gi } }
  goMemLimitPercent: 75
  accounts:
    - name: BOOKS
      jetstream: { maxStorage: 50Gi, maxMemory: 1Gi, maxStreams: 100, maxConsumers: -1 }
    - name: WEB
  anonymousAccount: WEB
  tls:
    mode: CertManager
    issuerRef: { name: issuer, kind: ClusterIssuer, group: cert-manager.io }
    duration: 720h
    renewBefore: 240h
  topology: { zoneSpread: Required, zoneKey: example.org/zone }
  lameDuck: { durationSeconds: 60, graceSeconds: 20 }
  update: { strategy: Supervised, settleSeconds: 30, maxLag: 100, timeoutSeconds: 1800 }
  network: { clients: Policies }
  allowedNamespaces: { from: Names, names: [orders, payments] }
  pods:
    labels: { team: platform }
    annotations: { example.org/note: any }
    nodeSelector: { disk: ssd }
    tolerations:
      - { key: nats, operator: Equal, value: 'yes', effect: NoExecute, tolerationSeconds: 60 }
    priorityClassName: high
  config: { merge: { max_payload: 2097152, websocket: { port: 8080, no_tls: true } } }
---
apiVersion: windlass.dev/v1alpha1
kind: NatsCluster
metadata: { name: given-certificates }
spec: { replicas: 1, tls: { mode: Secret, secretName: mine }, accounts: [{ name: A }] }
`;
