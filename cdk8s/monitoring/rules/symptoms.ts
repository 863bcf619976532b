import { lanes } from '@windlass/contracts/service.ts';
import { bounds } from '../bounds.ts';
import { eventServices } from '../services.ts';
import { type Alert, alertingRule } from './alert.ts';
import type { RuleGroup } from './rule.ts';

const handled = 'windlass_event_age_seconds_count';

/** Alerts on what is seen to be wrong, whatever the cause. */
export function symptomGroups(runbook: string): readonly RuleGroup[] {
  const groups: readonly (readonly [string, readonly Alert[]])[] = [
    ['windlass-events', [...outbox(), ...consumers(), ...failures()]],
    ['windlass-services', [...replicas(), ...outside()]],
    ['windlass-nats', nats()],
    ['windlass-operator', operator()],
  ];
  return groups.map(([name, alerts]) => ({
    name,
    rules: alerts.map((alert) => alertingRule(alert, runbook)),
  }));
}

function outbox(): readonly Alert[] {
  return [
    {
      name: 'WindlassOutboxStuck',
      severity: 'page',
      expr: `max by (service) (windlass_outbox_oldest_seconds) > ${bounds.outboxOldestSeconds}`,
      for: '2m',
      summary: '{{ $labels.service }} does not publish its events',
      description:
        'The oldest event that is committed and not published is ' +
        '{{ $value | humanizeDuration }} old.',
    },
  ];
}

/**
 * What consumers have not handled, as the operator asks NATS, by service and stream. A durable is
 * named after its service and its lane.
 */
function backlog(metrics: readonly string[]): string {
  const names = eventServices.map(({ name }) => name).join('|');
  const durable = `(?:.*-)?(${names})-(?:${lanes.join('|')})`;
  const once = metrics
    .map((metric) => `max by (stream, consumer) (${metric}{consumer=~"${durable}"})`)
    .join(' + ');
  const named = `label_replace(${once}, "service", "$1", "consumer", "${durable}")`;
  return `sum by (service, stream) (${named})`;
}

function consumers(): readonly Alert[] {
  const pending = 'windlass_nats_consumer_pending_messages';
  const unhandled = backlog([pending, 'windlass_nats_consumer_ack_pending_messages']);
  const speed = `sum by (service, stream) (rate(${handled}[5m]))`;
  const repeated = 'sum by (service, stream) (rate(windlass_redeliveries_total[10m]))';
  return [
    {
      name: 'WindlassBacklogDrainsSlowly',
      severity: 'ticket',
      expr:
        `${backlog([pending])} / on (service, stream) (${speed} > 0) > ${bounds.drainSeconds} ` +
        `and on (service, stream) ${backlog([pending])} > ${bounds.drainMinMessages}`,
      for: '10m',
      summary: '{{ $labels.service }} falls behind in {{ $labels.stream }}',
      description: 'At its present speed it needs {{ $value | humanizeDuration }} to catch up.',
    },
    {
      name: 'WindlassConsumerStalled',
      severity: 'page',
      expr: `${unhandled} > 0 unless on (service, stream) (${speed} > 0)`,
      for: '5m',
      summary: '{{ $labels.service }} handles nothing of {{ $labels.stream }}',
      description: '{{ $value }} messages wait, and none was handled in five minutes.',
    },
    {
      name: 'WindlassRedeliveries',
      severity: 'ticket',
      expr:
        `${repeated} / on (service, stream) ` +
        `(sum by (service, stream) (rate(${handled}[10m])) > 0) > ${bounds.redeliveryRatio} ` +
        `and on (service, stream) ${repeated} > ${bounds.redeliveriesMinPerSecond}`,
      for: '10m',
      summary: '{{ $labels.service }} gets many messages of {{ $labels.stream }} again',
      description: '{{ $value | humanizePercentage }} of what it handles was delivered before.',
    },
  ];
}

function failures(): readonly Alert[] {
  return [
    {
      name: 'WindlassDeadLetters',
      severity: 'ticket',
      expr: 'sum by (service, consumer, reason) (increase(windlass_dead_letters_total[15m])) > 0',
      for: '0m',
      summary: '{{ $labels.consumer }} gave up messages: {{ $labels.reason }}',
      description: 'They are kept in the stream DEAD_LETTER and in the table dead_letters.',
    },
    {
      name: 'WindlassEventsParked',
      severity: 'ticket',
      expr: 'max by (service) (windlass_parked_events) > 0',
      for: '5m',
      summary: '{{ $labels.service }} keeps events aside',
      description: '{{ $value }} events wait for one that is missing.',
    },
  ];
}

function replicas(): readonly Alert[] {
  return [
    ...eventServices.map(
      ({ name }): Alert => ({
        name: 'WindlassServiceMissing',
        severity: 'page',
        expr: `absent(windlass_connection_up{service="${name}"})`,
        for: '2m',
        labels: { service: name },
        summary: `${name} is not there`,
        description: `Prometheus has seen no replica of ${name} for two minutes.`,
      }),
    ),
    {
      name: 'WindlassReplicaDisconnected',
      severity: 'ticket',
      expr: 'windlass_connection_up == 0',
      for: '2m',
      summary: 'A replica of {{ $labels.service }} has lost {{ $labels.dependency }}',
      description: '{{ $labels.instance }} has no connection for two minutes.',
    },
    {
      name: 'WindlassRequestsShed',
      severity: 'ticket',
      expr: 'sum by (service) (rate(windlass_requests_shed_total{reason="overloaded"}[5m])) > 0',
      for: '5m',
      summary: '{{ $labels.service }} refuses commands to protect itself',
      description: '{{ $value | humanize }} requests a second are answered with 503.',
    },
  ];
}

function outside(): readonly Alert[] {
  return [
    {
      name: 'WindlassBreakerOpen',
      severity: 'page',
      expr: 'max by (service, breaker) (windlass_breaker_state) >= 1',
      for: '2m',
      summary: '{{ $labels.service }} does not call {{ $labels.breaker }}',
      description: 'Its circuit breaker was open or half-open for two minutes.',
    },
    {
      name: 'WindlassEffectsOverdue',
      severity: 'page',
      expr: `max by (service) (windlass_effects_due) > ${bounds.effectsDue}`,
      for: '5m',
      summary: '{{ $labels.service }} does not get its calls done',
      description: '{{ $value }} effects are due and not done.',
    },
  ];
}

function nats(): readonly Alert[] {
  const each = 'namespace, cluster';
  const used = `max by (${each}, server) (windlass_nats_server_storage_bytes)`;
  const limit = `max by (${each}, server) (windlass_nats_server_storage_limit_bytes)`;
  return [
    {
      name: 'WindlassNatsMembersMissing',
      severity: 'page',
      expr:
        `max by (${each}) (windlass_nats_cluster_ready_members) ` +
        `< max by (${each}) (windlass_nats_cluster_members)`,
      for: '5m',
      summary: '{{ $labels.namespace }}/{{ $labels.cluster }} lacks servers',
      description: 'Only {{ $value }} of its servers are ready.',
    },
    {
      name: 'WindlassNatsServerDown',
      severity: 'ticket',
      expr: `max by (${each}, server) (windlass_nats_server_up) == 0`,
      for: '5m',
      summary: 'The server {{ $labels.server }} does not answer',
      description: 'The operator has asked it in vain for five minutes.',
    },
    {
      name: 'WindlassJetStreamStorageHigh',
      severity: 'page',
      expr: `${used} / (${limit} > 0) > ${bounds.storageRatio}`,
      for: '5m',
      summary: 'The file store of {{ $labels.server }} fills up',
      description: '{{ $value | humanizePercentage }} of what JetStream may store is used.',
    },
  ];
}

function operator(): readonly Alert[] {
  return [
    {
      name: 'WindlassOperatorWithoutLeader',
      severity: 'page',
      expr: 'sum(windlass_operator_leader) == 0 or absent(windlass_operator_leader)',
      for: '2m',
      summary: 'No operator leads',
      description: 'Nothing that is wrong with NATS is mended, and nothing is changed.',
    },
    {
      name: 'WindlassOperatorRetries',
      severity: 'ticket',
      expr:
        'sum by (kind) (increase(windlass_operator_retries_total[15m])) ' +
        `> ${bounds.operatorRetries}`,
      for: '15m',
      summary: 'The operator fails again and again with {{ $labels.kind }} objects',
      description: '{{ $value | humanize }} reconciliations failed in a quarter of an hour.',
    },
    {
      name: 'WindlassObjectsNotReady',
      severity: 'ticket',
      expr: 'max by (kind) (windlass_operator_objects{ready="false"}) > 0',
      for: '15m',
      summary: 'Objects of the kind {{ $labels.kind }} are not ready',
      description: '{{ $value }} of them are not as they are wanted.',
    },
  ];
}
