/** Waits, and no longer than until one of the signals aborts. */
export function sleep(wait: number, signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, wait);
    const stop = onAbort(signals, done);
    function done(): void {
      clearTimeout(timer);
      queueMicrotask(() => stop());
      resolve();
    }
  });
}

/** Calls `abort` when one of them aborts, or has; what it returns takes that back. */
export function onAbort(signals: AbortSignal[], abort: () => void): () => void {
  for (const signal of signals) signal.addEventListener("abort", abort, { once: true });
  if (signals.some(({ aborted }) => aborted)) queueMicrotask(abort);
  return () => signals.forEach((signal) => signal.removeEventListener("abort", abort));
}
