import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import { Failure, type FailureCode, failures } from '../failure/errors.ts';
import type { Reply } from './route.ts';

/** More than these help nobody, and rendering them would be work that an attacker can order. */
const issuesMax = 10;
const pointerMax = 200;

/** A failure as RFC 9457 problem details. Shows nothing but what its author meant to show. */
export function problemReply(failure: Failure, correlationId?: string): Reply {
  const { status, title } = failures[failure.code];
  const retryAfter = failure.retryAfterSeconds ?? (status === 503 ? 1 : undefined);
  const body = JSON.stringify({
    ...failure.members,
    type: `/problems/${failure.code}`,
    title,
    status,
    detail: failure.detail,
    correlationId,
  });
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  if (retryAfter !== undefined) headers['Retry-After'] = String(Math.ceil(retryAfter));
  return { status, body, headers };
}

/** The same as raw HTTP/1.1, for a connection whose request was never parsed. It closes it. */
export function rawProblem(code: FailureCode): string {
  const { status, body } = problemReply(new Failure(code));
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  );
}

/**
 * What a schema refused, as JSON pointers (RFC 6901) with reasons; at most ten. Values are never
 * repeated, and names that the caller made up only when they are harmless.
 */
export function schemaFailure(
  code: FailureCode,
  where: 'path' | 'query' | 'body',
  error: z.core.$ZodError,
): Failure {
  const errors = error.issues.slice(0, issuesMax).map((issue) => ({
    in: where,
    pointer: pointerTo(issue.path),
    detail: issue.code === 'unrecognized_keys' ? unknownMember(issue.keys[0]) : issue.message,
  }));
  const more = error.issues.length - errors.length;
  return new Failure(code, {
    members: { errors },
    ...(more > 0 && { detail: `${more} more errors are not listed.` }),
  });
}

function pointerTo(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'));
  return parts
    .map((part) => `/${part}`)
    .join('')
    .slice(0, pointerMax);
}

function unknownMember(name: string | undefined): string {
  const harmless = name !== undefined && /^[\w.-]{1,64}$/.test(name);
  return harmless ? `unknown member "${name}"` : 'unknown member';
}
