const everyMs = 25;
const withinMs = 60_000;
/** Tests end in vain after a time of their own, which says nothing of what they waited for. */
const saidAfterMs = 20_000;

export interface Patience {
  readonly withinMs?: number;
  /** Between two looks. */
  readonly everyMs?: number;
}

type Look<Found> = () => Promise<Found | undefined | false> | Found | undefined | false;

/**
 * Resolves with what `look` finds as soon as that is not undefined or false. A look that throws
 * has found nothing; the last error is the cause of the one that this throws in the end. Without
 * a name of what is waited for, the text of `look` tells it.
 */
export function until<Found>(look: Look<Found>, patience?: Patience): Promise<Found>;
export function until<Found>(what: string, look: Look<Found>, patience?: Patience): Promise<Found>;
export function until<Found>(...given: Named<Found> | Unnamed<Found>): Promise<Found> {
  if (isNamed(given)) return poll(...given);
  const [look, patience] = given;
  return poll(look.toString(), look, patience);
}

type Unnamed<Found> = [look: Look<Found>, patience?: Patience | undefined];
type Named<Found> = [what: string, ...Unnamed<Found>];

function isNamed<Found>(given: Named<Found> | Unnamed<Found>): given is Named<Found> {
  return typeof given[0] === 'string';
}

async function poll<Found>(
  what: string,
  look: Look<Found>,
  patience: Patience = {},
): Promise<Found> {
  const limitMs = patience.withinMs ?? withinMs;
  const began = performance.now();
  let isSaid = false;
  for (;;) {
    let failure: unknown;
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      failure = error;
    }
    const waitedMs = performance.now() - began;
    if (waitedMs > limitMs) {
      throw new Error(`not within ${limitMs} ms: ${what}`, { cause: failure });
    }
    if (waitedMs > saidAfterMs && !isSaid) {
      isSaid = true;
      process.stderr.write(`still waiting: ${what}\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, patience.everyMs ?? everyMs));
  }
}
