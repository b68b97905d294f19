package io.github.mailwright;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import com.google.rpc.*;
import io.github.mailwright.v1.*;
import io.grpc.*;
import io.grpc.Status;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.Function;
import java.util.stream.Stream;

/** A connection to a server, for threads to share. Its stubs wait for it: give each of their calls a deadline. */
public final class MailwrightClient implements AutoCloseable {
  private static final Set<String> LOST = Set.of("UNAVAILABLE", "CANCELLED", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED");
  public final MailAPIGrpc.MailAPIBlockingStub mail;
  public final AdminAPIGrpc.AdminAPIBlockingStub admin;
  public final StatusAPIGrpc.StatusAPIBlockingStub status;
  // Events that are not read yet fill a connection's window, so the feed has a connection of its own.
  private final ManagedChannel calls, feed;

  /** The target is "host:port"; {@link InsecureChannelCredentials} are for loopback and meshes that encrypt. */
  public MailwrightClient(String target, String key, ChannelCredentials credentials) {
    calls = channel(target, key, credentials);
    feed = channel(target, key, credentials);
    mail = MailAPIGrpc.newBlockingStub(calls);
    admin = AdminAPIGrpc.newBlockingStub(calls);
    status = StatusAPIGrpc.newBlockingStub(feed);
  }

  /** Makes a request id where there is none and repeats the call with it until the timeout: the mail is accepted once. */
  public SendResponse send(SendRequest request, Duration timeout) {
    var named = SendRequest.newBuilder().setRequestId(UUID.randomUUID().toString()).mergeFrom(request).build();
    return repeat(Context.current(), timeout, named.getRequestId(), left -> mail.withDeadlineAfter(left).send(named));
  }

  /** Gives each event once, from the request's cursor or position on (or from now); the timeout is the first answer's. */
  public Stream<WatchStatusResponse> watch(WatchStatusRequest request, boolean heartbeats, Duration timeout) {
    var at = request.toBuilder();
    var context = Context.current().withCancellation();
    var open = new ArrayDeque<Iterator<WatchStatusResponse>>();
    Function<StatusAPIGrpc.StatusAPIBlockingStub, WatchStatusResponse> receive = stub -> {
      if (open.isEmpty()) {
        context.run(() -> open.add(stub.watchStatus(at.build())));
      }
      var events = open.remove(); // comes back once it has given one
      if (!events.hasNext()) {
        throw Status.UNAVAILABLE.withDescription("the feed ended").asRuntimeException();
      }
      var event = events.next();
      open.add(events);
      at.setCursor(event.getCursor());
      return event;
    };
    // "Now" is this moment from here on. The first stream ends by its deadline, the next has none.
    var first = repeat(context, timeout, "", left -> receive.apply(status.withDeadlineAfter(left)));
    return Stream.iterate(first, last -> repeat(context, Duration.ofDays(36_500), "", left -> receive.apply(status)))
        .filter(event -> heartbeats || event.hasMessage() || event.hasService())
        .onClose(() -> context.cancel(null));
  }

  /** Ends what runs, with CANCELLED, and closes the connections. */
  @Override
  public void close() {
    calls.shutdownNow();
    feed.shutdownNow();
  }

  private <T> T repeat(Context context, Duration timeout, String requestId, Function<Duration, T> call) {
    long end = System.nanoTime() + timeout.toNanos();
    for (long bound = 200, wait = 0; ; bound = Math.min(bound * 2, 5_000)) {
      try {
        Thread.sleep(wait);
        return call.apply(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new MailwrightException(Status.CANCELLED.withCause(interrupted).asRuntimeException(), requestId);
      } catch (StatusRuntimeException failed) {
        boolean ended = calls.isShutdown() || context.isCancelled();
        var failure = new MailwrightException(ended ? Status.CANCELLED.asRuntimeException() : failed, requestId);
        wait = failure.retryDelay.toMillis() + ThreadLocalRandom.current().nextLong(bound);
        boolean lost = failure.reason.isEmpty() && LOST.contains(failure.getStatus().getCode().name());
        if (ended || !(lost || !failure.retryDelay.isZero()) || System.nanoTime() + wait * 1_000_000 >= end) {
          throw failure;
        }
      }
    }
  }

  private static ManagedChannel channel(String target, String key, ChannelCredentials credentials) {
    var headers = new Metadata();
    if (!key.isEmpty()) {
      headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
    }
    // A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
    return redial(Grpc.newChannelBuilder(target, credentials)
        .defaultServiceConfig(new Gson().fromJson(ServiceConfig.JSON, new TypeToken<Map<String, ?>>() {}))
        .intercept(io.grpc.stub.MetadataUtils.newAttachHeadersInterceptor(headers))
        .maxInboundMessageSize(48 << 20)
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(true)
        .build());
  }

  /** Dials every five seconds where that fails, for as long as it does: gRPC would wait for up to two minutes. */
  private static ManagedChannel redial(ManagedChannel channel) {
    var state = channel.getState(false);
    if (state == ConnectivityState.TRANSIENT_FAILURE) {
      channel.resetConnectBackoff();
      CompletableFuture.delayedExecutor(5, TimeUnit.SECONDS).execute(() -> redial(channel));
    } else {
      channel.notifyWhenStateChanged(state, () -> redial(channel)); // never, once it is SHUTDOWN
    }
    return channel;
  }

  /** A call that failed: the reason (empty where no server answered) is for programs, the rest for people. */
  public static final class MailwrightException extends StatusRuntimeException {
    public final String reason, remedy, link, providerCode, requestId;
    public final transient List<BadRequest.FieldViolation> violations;
    /** How long the server asks to wait; zero where a repeat doesn't help. */
    public final Duration retryDelay;

    /** Reads what a stub has thrown; by the request id that {@code send} used, it can be repeated safely. */
    public MailwrightException(StatusRuntimeException failure, String requestId) {
      super(failure.getStatus(), failure.getTrailers());
      var said = Optional.ofNullable(StatusProto.fromThrowable(failure)).orElse(com.google.rpc.Status.getDefaultInstance());
      var info = detail(said, ErrorInfo.getDefaultInstance());
      reason = info.getReason();
      remedy = info.getMetadataOrDefault("remedy", "");
      providerCode = info.getMetadataOrDefault("provider_code", "");
      link = detail(said, Help.getDefaultInstance()).getLinksList().stream().map(Help.Link::getUrl).findFirst().orElse("");
      violations = detail(said, BadRequest.getDefaultInstance()).getFieldViolationsList();
      var delay = detail(said, RetryInfo.getDefaultInstance()).getRetryDelay();
      retryDelay = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
      this.requestId = requestId;
    }

    private static <T extends com.google.protobuf.Message> T detail(com.google.rpc.Status said, T none) {
      var found = said.getDetailsList().stream().filter(any -> any.isSameTypeAs(none)).findFirst();
      return found.map(any -> ProtoUtils.marshaller(none).parse(any.getValue().newInput())).orElse(none);
    }
  }
}
