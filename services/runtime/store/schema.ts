import type { Migration } from './migrations.ts';

/**
 * The tables that every service's database has beside its own. Written in PostgreSQL 15.
 *
 * `outbox_pending` and `effects` are queues: rows come and go all the time, so they are
 * vacuumed early. `events` is never updated or deleted from while its aggregate lives.
 */
export const runtimeMigrations: readonly Migration[] = [
  {
    id: 'runtime-0001-kernel',
    sql: `
      CREATE TABLE events (
        aggregate_id text COLLATE "C" NOT NULL,
        version int NOT NULL CHECK (version > 0),
        type text NOT NULL,
        schema_version int NOT NULL,
        lane text NOT NULL,
        recorded_at timestamptz NOT NULL,
        correlation_id text NOT NULL,
        causation_id text,
        traceparent text NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (aggregate_id, version)
      );
      CREATE INDEX events_recorded_at ON events USING brin (recorded_at);

      CREATE TABLE outbox_pending (
        partition int NOT NULL,
        aggregate_id text COLLATE "C" NOT NULL,
        version int NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (partition, aggregate_id, version)
      ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

      CREATE TABLE outbox_partitions (
        partition int PRIMARY KEY,
        owner text,
        epoch bigint NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL DEFAULT '-infinity'
      );
      INSERT INTO outbox_partitions (partition) SELECT generate_series(0, 15);
      CREATE TABLE replicas (id text COLLATE "C" PRIMARY KEY, expires_at timestamptz NOT NULL);

      CREATE TABLE inbox (
        consumer text NOT NULL,
        logical_id text COLLATE "C" NOT NULL,
        received_at timestamptz NOT NULL,
        PRIMARY KEY (consumer, logical_id)
      );
      CREATE INDEX inbox_received_at ON inbox USING brin (received_at);

      CREATE TABLE idempotency (
        scope text NOT NULL,
        key text COLLATE "C" NOT NULL,
        fingerprint bytea NOT NULL,
        status int NOT NULL,
        body text NOT NULL,
        location text,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (scope, key)
      );
      CREATE INDEX idempotency_created_at ON idempotency USING brin (created_at);

      CREATE TABLE effects (
        id text COLLATE "C" PRIMARY KEY,
        kind text NOT NULL,
        aggregate_id text COLLATE "C" NOT NULL,
        payload text NOT NULL,
        attempts int NOT NULL,
        due_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        lane text NOT NULL,
        correlation_id text NOT NULL,
        causation_id text,
        traceparent text NOT NULL
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0,
              autovacuum_vacuum_threshold = 20000);
      CREATE INDEX effects_due_at ON effects (due_at);

      CREATE TABLE positions (
        consumer text NOT NULL,
        source text NOT NULL,
        aggregate_id text COLLATE "C" NOT NULL,
        sequence int NOT NULL,
        PRIMARY KEY (consumer, source, aggregate_id)
      );
      CREATE TABLE parked (
        consumer text NOT NULL,
        logical_id text COLLATE "C" NOT NULL,
        source text NOT NULL,
        aggregate_id text COLLATE "C" NOT NULL,
        sequence int NOT NULL,
        reason text NOT NULL,
        stream text NOT NULL,
        stream_sequence bigint NOT NULL,
        subject text NOT NULL,
        headers bytea NOT NULL,
        body bytea NOT NULL,
        deliveries int NOT NULL,
        parked_at timestamptz NOT NULL,
        next_attempt_at timestamptz NOT NULL,
        PRIMARY KEY (consumer, logical_id)
      );
      CREATE INDEX parked_aggregate ON parked (aggregate_id);
      CREATE INDEX parked_next_attempt_at ON parked (next_attempt_at);

      CREATE TABLE delivery_failures (
        consumer text NOT NULL,
        stream text NOT NULL,
        stream_sequence bigint NOT NULL,
        failures int NOT NULL,
        first_failed_at timestamptz NOT NULL,
        last_failed_at timestamptz NOT NULL,
        subject text NOT NULL,
        headers bytea NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (consumer, stream, stream_sequence)
      );
      CREATE TABLE dead_letters (
        id text COLLATE "C" PRIMARY KEY,
        consumer text NOT NULL,
        stream text NOT NULL,
        stream_sequence bigint NOT NULL,
        subject text NOT NULL,
        headers bytea NOT NULL,
        body bytea NOT NULL,
        reason text NOT NULL,
        error_class text NOT NULL,
        message text NOT NULL,
        stack_hash text NOT NULL,
        service_version text NOT NULL,
        deliveries int NOT NULL,
        first_failed_at timestamptz NOT NULL,
        last_failed_at timestamptz NOT NULL,
        replays int NOT NULL DEFAULT 0
      );
    `,
  },
];
