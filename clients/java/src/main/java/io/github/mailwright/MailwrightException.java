package io.github.mailwright;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Help;
import com.google.rpc.RetryInfo;
import io.github.mailwright.v1.Reason;
import io.github.mailwright.v1.SendError;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A call that failed. The reason is for programs, the rest is for people. */
public final class MailwrightException extends RuntimeException {
  private final Status.Code code;
  private String reason = "";
  private String remedy = "";
  private String link = "";
  private String providerCode = "";
  private final transient List<Violation> violations = new ArrayList<>();
  private Duration retryDelay;
  String requestId = "";

  /** A field that is wrong, by its path in the request. */
  public record Violation(String field, String description) {}

  MailwrightException(Status.Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /** Reads a failure of a generated stub. */
  public static MailwrightException of(StatusRuntimeException failure) {
    Status said = failure.getStatus();
    String message = said.getDescription() == null ? said.getCode().name() : said.getDescription();
    var exception = new MailwrightException(said.getCode(), message, failure);
    var details = StatusProto.fromThrowable(failure);
    try {
      for (Any detail : details == null ? List.<Any>of() : details.getDetailsList()) {
        exception.read(detail);
      }
    } catch (InvalidProtocolBufferException broken) {
      exception.addSuppressed(broken);
    }
    return exception;
  }

  /** Reads an answer of {@code SendStream} that refuses its message. */
  public static MailwrightException of(SendError refused) {
    var said = refused.getDiagnosis();
    var code = Status.fromCodeValue(refused.getCode()).getCode();
    var exception = new MailwrightException(code, said.getSummary(), null);
    boolean known = said.getReason() != Reason.UNRECOGNIZED;
    exception.reason = known ? said.getReason().name().substring("REASON_".length()) : "";
    exception.remedy = said.getRemedy();
    exception.link = said.getHelpUrl();
    exception.providerCode = said.getProviderCode();
    for (var at : refused.getViolationsList()) {
      exception.violations.add(new Violation(at.getField(), at.getDescription()));
    }
    if (refused.hasRetryDelay()) {
      exception.retryDelay = duration(refused.getRetryDelay());
    }
    return exception;
  }

  /** The gRPC code. */
  public Status.Code code() {
    return code;
  }

  /** A name of {@code Reason} without its prefix ("OUTBOX_FULL"), or empty where no answer came from the server. */
  public String reason() {
    return reason;
  }

  /** What to do about it. */
  public String remedy() {
    return remedy;
  }

  /** The provider's page. */
  public String link() {
    return link;
  }

  /** The provider's own code ("AADSTS7000222"). */
  public String providerCode() {
    return providerCode;
  }

  /** The fields that are wrong. */
  public List<Violation> violations() {
    return List.copyOf(violations);
  }

  /** How long the server asks to wait; empty where a repeat doesn't help. */
  public Optional<Duration> retryDelay() {
    return Optional.ofNullable(retryDelay);
  }

  /** The one that {@code send} used: with it, the same request can be repeated safely. */
  public String requestId() {
    return requestId;
  }

  /** Whether the same call may succeed later, if it is one that may be repeated. */
  public boolean retryable() {
    return switch (code) {
      case UNAVAILABLE, DEADLINE_EXCEEDED -> true;
      case RESOURCE_EXHAUSTED -> retryDelay != null;
      // So a connection or a proxy fails; where the server itself says one, it says a reason too.
      case CANCELLED, INTERNAL, UNKNOWN -> reason.isEmpty();
      default -> false;
    };
  }

  private void read(Any detail) throws InvalidProtocolBufferException {
    if (detail.is(ErrorInfo.class)) {
      var info = detail.unpack(ErrorInfo.class);
      reason = info.getReason();
      remedy = info.getMetadataOrDefault("remedy", "");
      providerCode = info.getMetadataOrDefault("provider_code", "");
    } else if (detail.is(Help.class)) {
      var links = detail.unpack(Help.class).getLinksList();
      link = links.isEmpty() ? "" : links.get(0).getUrl();
    } else if (detail.is(BadRequest.class)) {
      for (var at : detail.unpack(BadRequest.class).getFieldViolationsList()) {
        violations.add(new Violation(at.getField(), at.getDescription()));
      }
    } else if (detail.is(RetryInfo.class)) {
      retryDelay = duration(detail.unpack(RetryInfo.class).getRetryDelay());
    }
  }

  private static Duration duration(com.google.protobuf.Duration delay) {
    return Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
  }
}
