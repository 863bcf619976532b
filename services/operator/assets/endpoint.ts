import { createHash } from 'node:crypto';
import type { BrokerTls, Credentials } from '@windlass/runtime/broker/connection.ts';

/** Where a JetStream is and as whom the operator speaks to it. Holds secrets: never log one. */
export interface Endpoint {
  /** Names it for people and for comparisons: two assets of one target share a name space. */
  readonly target: string;
  readonly servers: readonly string[];
  /**
   * The servers of a NatsCluster move: where they are now, empty while nobody knows. The
   * connection stays the same one, also when nothing asks for it while all of them move.
   */
  readonly currentServers?: () => readonly string[];
  readonly tls?: BrokerTls;
  readonly credentials?: Credentials;
  /** `$JS.API`, or that of a domain. */
  readonly apiPrefix: string;
  /** Where answers go; `_INBOX`, which nearly every user may subscribe to, when not given. */
  readonly inboxPrefix?: string;
}

export function apiPrefixOf(jsDomain: string | undefined): string {
  return jsDomain === undefined || jsDomain === '' ? '$JS.API' : `$JS.${jsDomain}.API`;
}

/** Endpoints with the same key share a connection; a hash, for the secrets in it. */
export function connectionKeyOf(endpoint: Endpoint): string {
  const { target, servers, currentServers, tls, credentials, inboxPrefix } = endpoint;
  const place = currentServers !== undefined ? target : [...servers].sort();
  const parts = JSON.stringify([place, tls ?? null, credentials ?? null, inboxPrefix ?? '']);
  return createHash('sha256').update(parts).digest('hex');
}
