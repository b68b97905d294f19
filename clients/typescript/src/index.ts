/** Client of Mailwright, a self-hosted email-sending service. @packageDocumentation */
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { BadRequest, type BadRequest_FieldViolation, ErrorInfo, Help, RetryInfo, Status } from "./gen/index.google.rpc.js";
import * as v1 from "./gen/index.mailwright.v1.js";
import serviceConfig from "./gen/service_config.js";

export * from "./gen/index.mailwright.v1.js";
const { UNAVAILABLE, CANCELLED, INTERNAL, UNKNOWN, DEADLINE_EXCEEDED } = grpc.status;
const failed = (code: number, details: string) => Object.assign(new Error(), { code, details, metadata: new grpc.Metadata() });

/** A call that failed, read from what its stub gave: `reason` (empty if no server answered) for programs, the rest for people. */
export class MailwrightError extends Error {
  readonly code: grpc.status;
  readonly reason: string;
  readonly remedy: string;
  readonly link: string;
  readonly providerCode: string;
  readonly violations: BadRequest_FieldViolation[];
  /** How long the server asks to wait, in milliseconds; undefined where a repeat doesn't help. */
  readonly retryDelay: number | undefined;

  /** `requestId` is the one that `send` used: with it, the same request can be repeated safely. */
  constructor(failure: grpc.ServiceError, readonly requestId = "") {
    super(failure.details, { cause: failure });
    const said = failure.metadata.get("grpc-status-details-bin").flatMap((bytes) => Status.decode(bytes as Buffer).details);
    const bytes = (type: string) => said.find(({ typeUrl }) => typeUrl.endsWith(type))?.value ?? new Uint8Array();
    const { reason, metadata } = ErrorInfo.decode(bytes("/google.rpc.ErrorInfo"));
    const { retryDelay } = RetryInfo.decode(bytes("/google.rpc.RetryInfo"));
    [this.code, this.reason] = [failure.code, reason];
    [this.remedy, this.providerCode] = [metadata["remedy"] ?? "", metadata["provider_code"] ?? ""];
    this.link = Help.decode(bytes("/google.rpc.Help")).links[0]?.url ?? "";
    this.violations = BadRequest.decode(bytes("/google.rpc.BadRequest")).fieldViolations;
    this.retryDelay = retryDelay && retryDelay.seconds * 1_000 + retryDelay.nanos / 1_000_000;
  }
}

/** A connection to a server. Its stubs wait for it: give each of their calls a `deadline`. */
export class Client {
  readonly mail: v1.MailAPIClient;
  readonly admin: v1.AdminAPIClient;
  readonly status: v1.StatusAPIClient;
  readonly #closing = new AbortController();
  readonly #running = new Set<grpc.InterceptingCall>();

  /** `target` is "host:port". `credentials.createInsecure()` is for loopback and for meshes that encrypt. */
  constructor(target: string, key: string, credentials = grpc.credentials.createSsl()) {
    const prepared: grpc.Interceptor = (options, next) => {
      const call = new grpc.InterceptingCall(next(options), {
        start: (metadata, _, proceed) => {
          if (key) metadata.set("authorization", `Bearer ${key}`);
          metadata.setOptions({ ...metadata.getOptions(), waitForReady: true }); // grpc-js ignores the config's
          proceed(metadata, { onReceiveStatus: (said, pass) => (this.#running.delete(call), pass(said)) });
        },
      });
      this.#running.add(call);
      return call;
    };
    const options: grpc.ClientOptions = {
      interceptors: [prepared],
      "grpc.service_config": JSON.stringify(serviceConfig),
      "grpc.max_receive_message_length": 48 << 20,
      // A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.max_reconnect_backoff_ms": 5_000,
      // Events that are not read yet fill a connection's window, so the feed has a connection of its own.
      "grpc.use_local_subchannel_pool": 1,
    };
    this.mail = new v1.MailAPIClient(target, credentials, options);
    this.admin = new v1.AdminAPIClient(target, credentials, { ...options, channelOverride: this.mail.getChannel() });
    this.status = new v1.StatusAPIClient(target, credentials, options);
  }

  /**
   * Resolves once the message is on the server's disk, and throws a MailwrightError otherwise. Makes a `requestId`
   * where there is none and repeats the call with it for `timeout` milliseconds: the message is accepted once.
   */
  async send(request: Parameters<typeof v1.SendRequest.fromPartial>[0], timeout = 60_000): Promise<v1.SendResponse> {
    const named = v1.SendRequest.fromPartial(request);
    named.requestId ||= crypto.randomUUID();
    v1.SendRequest.encode(named); // what can't be encoded throws here: gRPC would call it INTERNAL, which is repeated
    const call = promisify<v1.SendRequest, grpc.Metadata, Partial<grpc.CallOptions>, v1.SendResponse>(this.mail.send).bind(this.mail);
    return this.#repeat((deadline) => call(named, new grpc.Metadata(), { deadline }), performance.now() + timeout, named.requestId);
  }

  /**
   * Yields each event once, from the request's cursor or position on (default: from now on); `heartbeats` bring young
   * cursors in quiet times. Throws a MailwrightError, with OUT_OF_RANGE where events are no longer kept: none is skipped.
   * So it does where the server's first answer takes longer than `timeout` milliseconds; later ones may.
   */
  async watch(request: Parameters<typeof v1.WatchStatusRequest.fromPartial>[0] = {}, heartbeats = false, timeout = 60_000) {
    const at = v1.WatchStatusRequest.fromPartial(request);
    v1.WatchStatusRequest.encode(at);
    const feed = this.#follow(at, heartbeats, timeout);
    await feed.next(); // "now" is this moment from here on, also when the connection breaks before the first event
    return feed;
  }

  /** Ends what runs, with CANCELLED, and closes the connections. */
  close(): void {
    this.#closing.abort();
    for (const call of this.#running) call.cancelWithStatus(CANCELLED, "the client was closed");
    this.mail.close();
    this.status.close();
  }

  async *#follow(at: v1.WatchStatusRequest, heartbeats: boolean, timeout: number): AsyncGenerator<v1.WatchStatusResponse, void> {
    let call: grpc.ClientReadableStream<v1.WatchStatusResponse> | undefined;
    let events: AsyncIterator<v1.WatchStatusResponse> | undefined;
    const receive = async (deadline: number): Promise<v1.WatchStatusResponse> => {
      // The first stream ends by its deadline, the next has none.
      call ??= this.status.watchStatus(at, new grpc.Metadata(), { deadline }).on("error", () => (call = events = undefined));
      events ??= call[Symbol.asyncIterator]() as AsyncIterator<v1.WatchStatusResponse>;
      const next = await events.next();
      if (!next.done) return next.value;
      call = events = undefined; // a server that ends the stream in order is about to stop
      throw failed(UNAVAILABLE, "the feed ended");
    };
    try {
      let event = await this.#repeat(receive, performance.now() + timeout);
      yield event; // to `watch`
      for (;; event = await this.#repeat(receive)) {
        at.start = { $case: "cursor", value: event.cursor };
        if (heartbeats || event.event?.$case === "message" || event.event?.$case === "service") yield event;
      }
    } finally {
      call?.cancel();
    }
  }

  async #repeat<T>(call: (deadline: number) => Promise<T>, end = Infinity, requestId = ""): Promise<T> {
    for (let bound = 200; ; bound = Math.min(bound * 2, 5_000)) {
      try {
        return await call(Date.now() + end - performance.now());
      } catch (failure) {
        const { aborted } = this.#closing.signal;
        if (!aborted && !(failure as Partial<grpc.ServiceError>).metadata) throw failure; // no call's
        const error = new MailwrightError(aborted ? failed(CANCELLED, "closed") : (failure as grpc.ServiceError), requestId);
        const lost = [UNAVAILABLE, CANCELLED, INTERNAL, UNKNOWN, DEADLINE_EXCEEDED].includes(error.code) && !error.reason;
        const wait = (error.retryDelay ?? 0) + Math.random() * bound;
        if (aborted || !(lost || error.retryDelay !== undefined) || performance.now() + wait >= end) throw error;
        await sleep(wait, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }
}
