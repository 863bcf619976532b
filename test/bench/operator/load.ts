/** Runs every task with at most `inFlight` at the same time; the first failure rejects. */
export async function inFlight<Task>(
  tasks: readonly Task[],
  limit: number,
  run: (task: Task) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) await run(task);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
