/**
 * Where something begins to be wrong. The rules compare with these, the dashboards colour by
 * them, and the runbook explains them.
 */
export const bounds = {
  /** Age of the oldest event that is not published. Commands are refused from 15 min on. */
  outboxOldestSeconds: 60,
  /** How long a backlog may take at the present rate. */
  drainSeconds: 600,
  /** A smaller backlog is no reason to forecast anything. */
  drainMinMessages: 100,
  /** Redelivered messages by handled ones. */
  redeliveryRatio: 0.05,
  /** Redeliveries a second below which the ratio says nothing. */
  redeliveriesMinPerSecond: 0.1,
  /** Effects that are due; the consumers pause from 2000 on. */
  effectsDue: 1_000,
  /** Used part of what JetStream may store on a server. The operator says DiskPressure at 85 %. */
  storageRatio: 0.8,
  /** Failed reconciliations of one kind in a quarter of an hour. */
  operatorRetries: 10,
  /** Bad events or requests in the long window below which no budget counts as burning. */
  badMin: 10,
} as const;
