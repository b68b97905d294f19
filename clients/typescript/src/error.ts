import { type ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, Help, RetryInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";
import { Reason } from "./gen/mailwright/v1/diagnosis.js";
import type { SendError } from "./gen/mailwright/v1/mail.js";

/** A field that is wrong, by its path in the request. */
export interface Violation {
  field: string;
  description: string;
}

/** A call that failed. `reason` is for programs, the rest is for people. */
export class MailwrightError extends Error {
  override name = "MailwrightError";
  /** A name of `Reason` ("OUTBOX_FULL"), or empty where no answer came from the server. */
  reason = "";
  /** What to do about it. */
  remedy = "";
  /** The provider's page. */
  link = "";
  /** The provider's own code ("AADSTS7000222"). */
  providerCode = "";
  violations: Violation[] = [];
  /** How long the server asks to wait, in milliseconds; undefined where a repeat doesn't help. */
  retryDelay: number | undefined = undefined;
  /** The one that `send` used: with it, the same request can be repeated safely. */
  requestId = "";

  constructor(
    /** The gRPC code; `status[error.code]` is its name. */
    readonly code: status,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Reads a failure of a generated stub. What is none is thrown on. */
  static of(failure: unknown): MailwrightError {
    if (failure instanceof MailwrightError) return failure;
    if (!isServiceError(failure)) throw failure;
    const error = new MailwrightError(failure.code, failure.details, { cause: failure });
    for (const bytes of failure.metadata?.get("grpc-status-details-bin") ?? []) {
      if (typeof bytes !== "string") error.read(Status.decode(bytes));
    }
    return error;
  }

  /** Reads an answer of `SendStream` that refuses its message. */
  static ofSendError(refused: SendError): MailwrightError {
    const said = refused.diagnosis;
    const error = new MailwrightError(refused.code, said?.summary ?? "");
    error.reason = Reason[said?.reason ?? Reason.UNSPECIFIED] ?? "";
    error.remedy = said?.remedy ?? "";
    error.link = said?.helpUrl ?? "";
    error.providerCode = said?.providerCode ?? "";
    error.violations = refused.violations;
    if (refused.retryDelay) error.retryDelay = milliseconds(refused.retryDelay);
    return error;
  }

  /** Whether the same call may succeed later, if it is one that may be repeated. */
  get retryable(): boolean {
    switch (this.code) {
      case status.UNAVAILABLE:
      case status.DEADLINE_EXCEEDED:
        return true;
      case status.RESOURCE_EXHAUSTED:
        return this.retryDelay !== undefined;
      case status.CANCELLED:
      case status.INTERNAL:
      case status.UNKNOWN:
        // So a connection or a proxy fails; where the server itself says one, it says a reason too.
        return this.reason === "";
      default:
        return false;
    }
  }

  private read(said: Status): void {
    for (const { typeUrl, value } of said.details) {
      switch (typeUrl.slice(typeUrl.lastIndexOf(".") + 1)) {
        case "ErrorInfo": {
          const info = ErrorInfo.decode(value);
          this.reason = info.reason;
          this.remedy = info.metadata["remedy"] ?? "";
          this.providerCode = info.metadata["provider_code"] ?? "";
          break;
        }
        case "Help":
          this.link = Help.decode(value).links[0]?.url ?? "";
          break;
        case "BadRequest":
          this.violations = BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({ field, description }));
          break;
        case "RetryInfo":
          this.retryDelay = milliseconds(RetryInfo.decode(value).retryDelay ?? { seconds: 0, nanos: 0 });
          break;
      }
    }
  }
}

/** How long to wait between tries of one call: full jitter, and never less than the server asks. */
export class Backoff {
  /** How long one try may take, in milliseconds. */
  patience = 10_000;
  private bound = 100;

  /** Milliseconds until the next try; undefined where there is none. */
  after(error: MailwrightError): number | undefined {
    if (!error.retryable) return undefined;
    if (error.code === status.DEADLINE_EXCEEDED) this.patience *= 2;
    this.bound = Math.min(this.bound * 2, 5_000);
    return (error.retryDelay ?? 0) + Math.random() * this.bound;
  }
}

function milliseconds(duration: { seconds: number; nanos: number }): number {
  return duration.seconds * 1_000 + duration.nanos / 1_000_000;
}

function isServiceError(failure: unknown): failure is ServiceError {
  return failure instanceof Error && "code" in failure && typeof failure.code === "number" && "details" in failure;
}
