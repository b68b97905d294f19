import { status } from "@grpc/grpc-js";
import type { Client } from "./client.js";
import { Backoff, MailwrightError } from "./error.js";
import type { WatchStatusRequest, WatchStatusResponse } from "./gen/mailwright/v1/status.js";
import { onAbort, sleep } from "./wait.js";

/** How to watch. */
export interface WatchOptions {
  /** Yields heartbeats too, so that a cursor that is kept stays young where little passes the filters. */
  heartbeats?: boolean;
}

/**
 * The feed, across connections and servers: it yields each event once.
 *
 * It throws a MailwrightError, with OUT_OF_RANGE where events are no longer kept: nothing is ever
 * skipped in silence. Leaving the loop or `close` ends it.
 */
export class Watch implements AsyncIterable<WatchStatusResponse> {
  readonly #closed = new AbortController();
  readonly #client: Client;
  readonly #request: WatchStatusRequest;
  readonly #heartbeats: boolean;

  /** @internal */
  constructor(client: Client, request: WatchStatusRequest, { heartbeats = false }: WatchOptions) {
    [this.#client, this.#request, this.#heartbeats] = [client, request, heartbeats];
  }

  /** The place behind what was yielded; keep it to go on there in another process. */
  get cursor(): string {
    return this.#request.start?.$case === "cursor" ? this.#request.start.value : "";
  }

  /** Ends the loop, also while it waits. */
  close(): void {
    this.#closed.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchStatusResponse, void, undefined> {
    const signals = [this.#closed.signal, this.#client.closing.signal];
    let backoff = new Backoff();
    try {
      while (!this.#closed.signal.aborted) {
        if (this.#client.closing.signal.aborted) throw new MailwrightError(status.CANCELLED, "the client was closed");
        const call = this.#client.status.watchStatus(this.#request);
        call.on("error", () => {}); // the loop hears of it too
        const stop = onAbort(signals, () => call.cancel());
        let error = new MailwrightError(status.UNAVAILABLE, "the feed ended");
        try {
          for await (const event of call as AsyncIterable<WatchStatusResponse>) {
            backoff = new Backoff();
            this.#request.start = { $case: "cursor", value: event.cursor };
            const known = event.event && event.event.$case !== "heartbeat";
            if (known || this.#heartbeats) yield event;
          }
        } catch (failure) {
          error = MailwrightError.of(failure);
        } finally {
          stop();
          call.cancel();
        }
        const wait = backoff.after(error);
        if (wait === undefined) throw error;
        await sleep(wait, signals);
      }
    } catch (failure) {
      if (!this.#closed.signal.aborted) throw failure;
    }
  }
}
