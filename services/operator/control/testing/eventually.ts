const waitMaxMs = 60_000;
const pollMs = 25;

/** Waits until the value is there and fits. Rejects with the last value when it never does. */
export async function eventually<Value>(
  read: () => Value | undefined | Promise<Value | undefined>,
  fits: (value: Value) => boolean = () => true,
  timeoutMs = waitMaxMs,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && fits(value)) return value;
    if (performance.now() > deadline) {
      throw new Error(`it did not become true; the last value was ${JSON.stringify(value)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
