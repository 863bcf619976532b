/**
 * Every failure the platform names. The table is the single place that says what a code means
 * for an HTTP caller, for a consumed message and for the log.
 */
export const failures = {
  // Refused before or while the request is read: these close the connection.
  'malformed-http': { status: 400, title: 'This is not an HTTP request we understand.' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive.' },
  'headers-too-large': { status: 431, title: 'The header section is larger than 16 KiB.' },
  // Refused requests: the caller can mend them.
  'malformed-json': { status: 400, title: 'The body is not valid JSON.' },
  'invalid-request': { status: 400, title: 'The request does not match the schema.' },
  'idempotency-key-missing': { status: 400, title: 'The Idempotency-Key header is required.' },
  'idempotency-key-invalid': {
    status: 400,
    title: 'Idempotency-Key must be 1 to 255 printable ASCII characters.',
  },
  'lane-not-permitted': { status: 403, title: 'This lane needs a permission.' },
  'not-found': { status: 404, title: 'There is nothing at this address.' },
  'order-not-found': { status: 404, title: 'There is no order with this id.' },
  'sku-not-found': { status: 404, title: 'There is no stock with this SKU.' },
  'payment-not-found': { status: 404, title: 'There is no payment for this order.' },
  'method-not-allowed': { status: 405, title: 'This address does not take this method.' },
  'order-not-cancellable': { status: 409, title: 'The order can no longer be cancelled.' },
  'order-not-refundable': { status: 409, title: 'Nothing of this order is captured.' },
  'refund-exceeds-captured': {
    status: 409,
    title: 'The refund is more than what is left of the captured amount.',
  },
  'stock-below-committed': {
    status: 409,
    title: 'The stock cannot be less than what is reserved and sold.',
  },
  'request-in-flight': {
    status: 409,
    title: 'The first request with this Idempotency-Key is still running.',
  },
  'body-too-large': { status: 413, title: 'The body is larger than 64 KiB.' },
  'unsupported-media-type': {
    status: 415,
    title: 'The body must be application/json without content encoding.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This Idempotency-Key was used with another request.',
  },
  'too-many-waiters': { status: 503, title: 'Too many requests wait for an outcome.' },
  overloaded: { status: 503, title: 'The service is overloaded; try again later.' },
  draining: { status: 503, title: 'The service is stopping.' },
  // Failures of ours.
  unavailable: { status: 503, title: 'A dependency is unavailable; try again later.' },
  internal: { status: 500, title: 'The request failed.' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type FailureCode = keyof typeof failures;

/** A failure with a code of the table; thrown towards the HTTP edge, which renders it. */
export class Failure extends Error {
  readonly code: FailureCode;
  /** What exactly is wrong with this request; shown to the caller, so without internals. */
  readonly detail: string | undefined;
  /** Named members of the problem document, for example the fields that are wrong. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: FailureCode,
    options: {
      readonly detail?: string;
      readonly members?: Readonly<Record<string, unknown>>;
      readonly retryAfterSeconds?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${options.detail ?? failures[code].title}`, { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.detail = options.detail;
    this.members = options.members ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
