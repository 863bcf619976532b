import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * One line for each request that somebody else than the control plane itself makes, without
 * bodies. A watch counts when it starts.
 */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', users: ['system:apiserver', 'system:kube-controller-manager'] },
    { level: 'None', nonResourceURLs: ['/readyz*', '/livez*', '/healthz*'] },
    { level: 'Metadata' },
  ],
};

/** A request to the API server, as its audit log tells it. */
export interface AuditedRequest {
  readonly user: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, … */
  readonly verb: string;
  /** Plural, with the subresource: `pods/status`. Empty for what is no resource. */
  readonly resource: string;
  readonly group: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
  /** Epoch in milliseconds, when the request came. */
  readonly at: number;
}

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/** Which requests to read; all of them when nothing is said. */
export interface AuditFilter {
  readonly user?: string;
  readonly namespace?: string;
  /** Epoch in milliseconds. */
  readonly since?: number;
}

/** Reads the whole log: what is answered is in it. */
export async function auditedRequests(
  path: string,
  filter: AuditFilter = {},
): Promise<readonly AuditedRequest[]> {
  const found: AuditedRequest[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    // The last line may still be under way.
    if (!line.endsWith('}')) continue;
    const request = requestOf(JSON.parse(line) as AuditEvent);
    if (request !== undefined && fits(request, filter)) found.push(request);
  }
  return found;
}

/** How often each `verb resource` was asked for. */
export function countByVerb(requests: readonly AuditedRequest[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { verb, resource } of requests) {
    const key = `${verb} ${resource}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function requestOf(event: AuditEvent): AuditedRequest | undefined {
  const isCounted =
    event.stage === (event.verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete');
  if (!isCounted) return undefined;
  const {
    resource = '',
    subresource,
    apiGroup = '',
    namespace = '',
    name = '',
  } = event.objectRef ?? {};
  return {
    user: event.user.username,
    verb: event.verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    group: apiGroup,
    namespace,
    name,
    status: event.responseStatus?.code ?? 0,
    at: Date.parse(event.requestReceivedTimestamp),
  };
}

function fits(request: AuditedRequest, { user, namespace, since = 0 }: AuditFilter): boolean {
  if (user !== undefined && request.user !== user) return false;
  if (namespace !== undefined && request.namespace !== namespace) return false;
  return request.at >= since;
}
