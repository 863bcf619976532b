import { errorText } from '@windlass/runtime/failure/error-text.ts';
import { pause } from '@windlass/runtime/failure/retry.ts';

const againMs = 300;

/**
 * Makes a function that asks for a run: one at a time, and one more when it was asked for
 * meanwhile. A run that failed is repeated, until the signal is aborted.
 */
export function coalesced(
  run: () => Promise<void>,
  signal: AbortSignal,
  say: (line: string) => void,
): () => void {
  let isWanted = false;
  let isRunning = false;
  const loop = async () => {
    isRunning = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      try {
        await run();
      } catch (error) {
        if (signal.aborted) break;
        say(errorText(error));
        isWanted = true;
        await pause(againMs, signal);
      }
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void loop();
  };
}
