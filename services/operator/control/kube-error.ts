import { z } from 'zod';

/** What an answer of the API server that is a failure says of itself. */
const failure = z.object({
  reason: z.string().optional(),
  message: z.string().optional(),
  code: z.number().optional(),
  details: z
    .object({
      retryAfterSeconds: z.number().optional(),
      causes: z
        .array(z.object({ reason: z.string().optional(), field: z.string().optional() }))
        .optional(),
    })
    .optional(),
});

/** A Retry-After beyond it is taken for a mistake. */
const retryAfterMaxMs = 300_000;
const messageMaxLength = 1_024;
/** So an applied field that the schema does not have is refused, with 500: the caller is wrong. */
const untypedPatch = 'failed to create typed patch object';

export interface KubeErrorOptions extends ErrorOptions {
  /** HTTP; 0 when there was no answer. */
  readonly status: number;
  /** The API server's CamelCase word, or `Unreachable`, `Timeout`. */
  readonly reason: string;
  readonly retryAfterMs?: number | undefined;
  /** Reasons and fields of the causes. */
  readonly causes?: readonly string[];
}

/** The API server refused, failed, or was not reached. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly causes: readonly string[];

  constructor(message: string, options: KubeErrorOptions) {
    super(message.slice(0, messageMaxLength), options);
    this.status = options.status;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
    this.causes = options.causes ?? [];
  }
}

/** This process may not write any more, or not yet. */
export class LostLeadership extends Error {
  override readonly name = 'LostLeadership';

  constructor() {
    super('the lease of this process is not valid');
  }
}

/** From the body and the `Retry-After` of a failed answer. */
export function kubeErrorOf(
  status: number,
  body: unknown,
  retryAfter: string | undefined,
): KubeError {
  const parsed = failure.safeParse(body).data;
  const seconds = secondsOf(retryAfter) ?? parsed?.details?.retryAfterSeconds;
  const reason = parsed?.reason === undefined || parsed.reason === '' ? undefined : parsed.reason;
  const { message } = parsed ?? {};
  if (status === 500 && message?.startsWith(untypedPatch)) {
    return new KubeError(message, { status: 422, reason: 'Invalid' });
  }
  return new KubeError(message ?? `the API server answered ${status}`, {
    status,
    reason: reason ?? reasonOf(status),
    retryAfterMs: seconds === undefined ? undefined : Math.min(seconds * 1_000, retryAfterMaxMs),
    causes: (parsed?.details?.causes ?? []).flatMap((cause) =>
      [cause.reason, cause.field].filter((each) => each !== undefined),
    ),
  });
}

/** The failure that a watch reports as its last event. */
export function watchErrorOf(status: unknown): KubeError {
  return kubeErrorOf(failure.safeParse(status).data?.code ?? 500, status, undefined);
}

function secondsOf(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

function reasonOf(status: number): string {
  if (status === 429) return 'TooManyRequests';
  if (status === 401) return 'Unauthorized';
  if (status === 403) return 'Forbidden';
  if (status === 404) return 'NotFound';
  return status >= 500 ? 'InternalError' : 'BadRequest';
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409 && error.reason === 'Conflict';
}

/** The version that was asked for is no longer kept: everything has to be listed again. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && error.status === 410;
}

/**
 * The object that was meant is not there any more, though another of its name may be. A
 * server-side apply says so in two ways: Conflict when the name is free, and Invalid with the
 * cause `metadata.uid` when it is taken.
 */
export function isOtherObject(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  if (error.status === 422) return error.causes.includes('metadata.uid');
  return error.status === 404 || (error.status === 409 && /\buid\b/i.test(error.message));
}

/** The API server has no time, or was not reached; the object is not to blame. */
export function isUnavailable(error: unknown): error is KubeError {
  return (
    error instanceof KubeError &&
    (error.status === 0 || error.status === 429 || error.status === 401 || error.status >= 500)
  );
}
