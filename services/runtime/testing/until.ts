const everyMs = 25;
const withinMs = 60_000;

export interface Patience {
  readonly withinMs?: number;
  /** Between two looks. */
  readonly everyMs?: number;
}

/**
 * Resolves with what `look` finds as soon as that is not undefined or false. A look that throws
 * has found nothing; the last error is the cause of the one that this throws in the end.
 */
export async function until<Found>(
  what: string,
  look: () => Promise<Found | undefined | false> | Found | undefined | false,
  patience: Patience = {},
): Promise<Found> {
  const limitMs = patience.withinMs ?? withinMs;
  const deadline = performance.now() + limitMs;
  let failure: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${limitMs} ms: ${what}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, patience.everyMs ?? everyMs));
  }
}
