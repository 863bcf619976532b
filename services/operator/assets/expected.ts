const keepMs = 5_000;
/** More changes than this in 5 s are looked at twice. */
const limit = 20_000;

/**
 * The advisories that our own changes will cause. One that was expected tells nothing new; any
 * other one is somebody else's doing.
 */
export class Expected {
  private readonly until = new Map<string, readonly number[]>();
  private readonly now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** A change is about to be asked for. */
  note(api: string): void {
    if (this.until.size >= limit) this.forgetOld();
    if (this.until.size >= limit) return;
    for (const key of advisoriesOf(api)) {
      this.until.set(key, [...(this.until.get(key) ?? []), this.now() + keepMs]);
    }
  }

  /** It was refused, so that no advisory follows. */
  forget(api: string): void {
    for (const key of advisoriesOf(api)) this.take(key);
  }

  /** Whether this advisory was expected; each is expected once. */
  take(key: string): boolean {
    const [first, ...rest] = (this.until.get(key) ?? []).filter((until) => until > this.now());
    if (rest.length === 0) this.until.delete(key);
    else this.until.set(key, rest);
    return first !== undefined;
  }

  private forgetOld(): void {
    for (const [key, times] of this.until) {
      if (times.every((until) => until <= this.now())) this.until.delete(key);
    }
  }
}

const actions: Readonly<Record<string, string>> = {
  CREATE: 'CREATED',
  UPDATE: 'UPDATED',
  DELETE: 'DELETED',
  PAUSE: 'PAUSE',
};

/** What only the audit of the API tells of, or tells of as well. */
const audited: Readonly<Record<string, string>> = {
  'CONSUMER.CREATE': 'CONSUMER.CHANGED',
  'STREAM.DELETE': 'STREAM.ENDED',
};

/** `STREAM.CREATE.S` causes the advisory `STREAM.CREATED.S`. */
function advisoriesOf(api: string): readonly string[] {
  const [kind, verb = '', ...names] = api.split('.');
  const action = actions[verb];
  if (action === undefined) return [];
  const advisory = [kind, action, ...names].join('.');
  const audit = audited[`${kind}.${verb}`];
  return audit === undefined ? [advisory] : [advisory, [audit, ...names].join('.')];
}
