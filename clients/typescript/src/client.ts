import { randomUUID } from "node:crypto";
import {
  type CallOptions,
  type ClientOptions,
  type ClientUnaryCall,
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { Backoff, MailwrightError } from "./error.js";
import { AdminAPIClient } from "./gen/mailwright/v1/admin.js";
import { MailAPIClient, SendRequest, type SendResponse } from "./gen/mailwright/v1/mail.js";
import { StatusAPIClient, WatchPosition, WatchStatusRequest } from "./gen/mailwright/v1/status.js";
import serviceConfig from "./gen/service_config.js";
import { onAbort, sleep } from "./wait.js";
import { Watch, type WatchOptions } from "./watch.js";

/** How to connect. */
export interface Options {
  /** The access key, which travels with every call. */
  key?: string;
  /** Certificates to trust (PEM), in place of Node's own. */
  ca?: Buffer;
  /** For loopback and for meshes that encrypt. */
  plaintext?: boolean;
}

/** How to send. */
export interface SendOptions {
  /** How long to go on, in milliseconds; by default a minute. */
  timeout?: number;
  /** Ends it with CANCELLED. */
  signal?: AbortSignal;
}

/** What may be left out has its default. */
type Partially<T extends { fromPartial(object: never): unknown }> = Parameters<T["fromPartial"]>[0];

/**
 * A connection to a server, made with the first call.
 *
 * The generated stubs wait for a connection, so give each call a `deadline`; `MailwrightError.of` reads
 * what they fail with.
 */
export class Client {
  readonly mail: MailAPIClient;
  readonly admin: AdminAPIClient;
  readonly status: StatusAPIClient;
  /** @internal */
  readonly closing = new AbortController();

  /** `target` is "host:port". */
  constructor(target: string, { key = "", ca, plaintext = false }: Options = {}) {
    const transport = plaintext ? credentials.createInsecure() : credentials.createSsl(ca ?? null);
    const options: ClientOptions = {
      interceptors: [prepared(key)],
      "grpc.service_config": JSON.stringify(serviceConfig),
      "grpc.max_receive_message_length": 48 << 20,
      // A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 5_000,
      // Events that are not read yet fill a connection's window, so the feed has a connection of its own.
      "grpc.use_local_subchannel_pool": 1,
    };
    this.mail = new MailAPIClient(target, transport, options);
    this.admin = new AdminAPIClient(target, transport, { ...options, channelOverride: this.mail.getChannel() });
    this.status = new StatusAPIClient(target, transport, options);
  }

  /**
   * Hands over one message and resolves once the server has it on disk.
   *
   * Makes a `requestId` where there is none and repeats the call with it until the timeout, through
   * restarts, lost answers and a full outbox: the message is accepted once.
   *
   * @throws MailwrightError
   */
  async send(request: Partially<typeof SendRequest>, { timeout = 60_000, signal }: SendOptions = {}): Promise<SendResponse> {
    const named = SendRequest.fromPartial(request);
    named.requestId ||= randomUUID();
    try {
      return await this.repeat(this.mail.send.bind(this.mail), named, performance.now() + timeout, signal);
    } catch (failure) {
      if (failure instanceof MailwrightError) failure.requestId = named.requestId;
      throw failure;
    }
  }

  /**
   * Follows the feed from the request's cursor or position on. By default from now on, and that is the
   * moment at which this resolves.
   *
   * @throws MailwrightError
   */
  async watch(request: Partially<typeof WatchStatusRequest> = {}, options: WatchOptions = {}): Promise<Watch> {
    const from = WatchStatusRequest.fromPartial(request);
    if (from.start?.$case !== "cursor" && from.start?.value !== WatchPosition.OLDEST) {
      // "Now" must stay this moment when the first connection breaks before the first event.
      const info = await this.repeat(this.admin.getServerInfo.bind(this.admin), {}, Infinity);
      from.start = { $case: "cursor", value: info.newestCursor };
    }
    return new Watch(this, from, options);
  }

  /** Ends what runs and closes the connections. */
  close(): void {
    this.closing.abort();
    this.mail.close();
    this.status.close();
  }

  /** @internal Calls until it succeeds, fails for good, or has no time left. */
  async repeat<Q, A>(call: Unary<Q, A>, request: Q, deadline: number, signal?: AbortSignal): Promise<A> {
    const backoff = new Backoff();
    const signals = signal ? [this.closing.signal, signal] : [this.closing.signal];
    for (;;) {
      if (this.closing.signal.aborted) throw new MailwrightError(status.CANCELLED, "the client was closed");
      try {
        const timeout = Math.max(0, Math.min(backoff.patience, deadline - performance.now()));
        return await once(call, request, timeout, signals);
      } catch (failure) {
        const error = MailwrightError.of(failure);
        const wait = backoff.after(error);
        const late = wait === undefined || performance.now() + wait >= deadline;
        if (late || signals.some(({ aborted }) => aborted)) throw error;
        await sleep(wait, signals);
      }
    }
  }
}

type Answered<A> = (error: ServiceError | null, answer: A) => void;
type Unary<Q, A> = (request: Q, metadata: Metadata, options: Partial<CallOptions>, answered: Answered<A>) => ClientUnaryCall;

function once<Q, A>(call: Unary<Q, A>, request: Q, timeout: number, signals: AbortSignal[]): Promise<A> {
  return new Promise((resolve, reject) => {
    const running = call(request, new Metadata(), { deadline: Date.now() + timeout }, (error, answer) => {
      stop();
      if (error) reject(error);
      else resolve(answer);
    });
    const stop = onAbort(signals, () => running.cancel());
  });
}

/** Adds the key to every call, and lets it wait for a connection: grpc-js doesn't read that in the config. */
function prepared(key: string): Interceptor {
  return (options, next) =>
    new InterceptingCall(next(options), {
      start(metadata, listener, proceed) {
        if (key) metadata.set("authorization", `Bearer ${key}`);
        metadata.setOptions({ ...metadata.getOptions(), waitForReady: true });
        proceed(metadata, listener);
      },
    });
}
