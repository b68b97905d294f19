package io.github.mailwright;

import com.google.gson.Gson;
import io.github.mailwright.v1.AdminAPIGrpc;
import io.github.mailwright.v1.MailAPIGrpc;
import io.github.mailwright.v1.SendRequest;
import io.github.mailwright.v1.SendResponse;
import io.github.mailwright.v1.StatusAPIGrpc;
import io.github.mailwright.v1.WatchStatusRequest;
import io.grpc.ChannelCredentials;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * A connection to a server, made with the first call. Threads may share it.
 *
 * <p>The generated stubs wait for a connection, so give each call a deadline; {@link
 * MailwrightException#of(StatusRuntimeException)} reads what they throw. What ends a call is its
 * deadline, an interrupt of its thread, a cancelled {@link Context}, and {@link #close}.
 */
public final class MailwrightClient implements AutoCloseable {
  private static final int RECEIVE_MAX_BYTES = 48 << 20;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  // Events that are not read yet fill a connection's window, so the feed has a connection of its own.
  private final ManagedChannel calls;
  private final ManagedChannel feed;

  private MailwrightClient(String target, String key, ChannelCredentials credentials) {
    calls = channel(target, key, credentials);
    feed = channel(target, key, credentials);
    reconnect();
  }

  /** Connects by TLS and trusts what Java trusts. The target is "host:port". */
  public static MailwrightClient connect(String target, String key) {
    return connect(target, key, TlsChannelCredentials.create());
  }

  /**
   * Connects by {@link TlsChannelCredentials} with a trust manager of one's own, or, on loopback and in
   * meshes that encrypt, by {@link io.grpc.InsecureChannelCredentials}: the key travels with every call.
   */
  public static MailwrightClient connect(String target, String key, ChannelCredentials credentials) {
    return new MailwrightClient(target, key, credentials);
  }

  /** Every call of MailAPI. */
  public MailAPIGrpc.MailAPIBlockingStub mail() {
    return MailAPIGrpc.newBlockingStub(calls);
  }

  /** Every call of AdminAPI. */
  public AdminAPIGrpc.AdminAPIBlockingStub admin() {
    return AdminAPIGrpc.newBlockingStub(calls);
  }

  /** Every call of StatusAPI. */
  public StatusAPIGrpc.StatusAPIBlockingStub status() {
    return StatusAPIGrpc.newBlockingStub(feed);
  }

  /** Sends, and goes on for a minute. */
  public SendResponse send(SendRequest request) {
    return send(request, Duration.ofMinutes(1));
  }

  /**
   * Hands over one message and returns once the server has it on disk.
   *
   * <p>Makes a request id where there is none and repeats the call with it until the timeout, through
   * restarts, lost answers and a full outbox: the message is accepted once.
   *
   * @throws MailwrightException where it was not accepted, or nobody knows
   */
  public SendResponse send(SendRequest request, Duration timeout) {
    boolean unnamed = request.getRequestId().isEmpty();
    var named = unnamed ? request.toBuilder().setRequestId(UUID.randomUUID().toString()).build() : request;
    try {
      return repeat(timeout, left -> mail().withDeadlineAfter(left).send(named));
    } catch (MailwrightException failure) {
      failure.requestId = named.getRequestId();
      throw failure;
    }
  }

  /** Follows the feed from the request's cursor or position on (default: from now on). */
  public Watch watch(WatchStatusRequest request) {
    return new Watch(this, request);
  }

  /** Ends what runs and closes the connections. */
  @Override
  public void close() {
    calls.shutdownNow();
    feed.shutdownNow();
  }

  /** Calls until it succeeds, fails for good, or has no time left. */
  <T> T repeat(Duration timeout, Function<Duration, T> call) {
    long end = System.nanoTime() + timeout.toNanos();
    for (var backoff = new Backoff(); ; ) {
      var left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
      try {
        return call.apply(left.compareTo(backoff.patience) < 0 ? left : backoff.patience);
      } catch (StatusRuntimeException failed) {
        var failure = MailwrightException.of(failed);
        var wait = backoff.after(failure);
        if (wait.isEmpty() || System.nanoTime() + wait.get().toNanos() - end >= 0) {
          throw failure;
        }
        pause(wait.get(), failure);
      }
    }
  }

  /** Waits, unless the caller cancelled or this is closed: that ends the call by what it failed with last. */
  void pause(Duration wait, MailwrightException failure) {
    if (calls.isShutdown()) {
      throw new MailwrightException(Status.Code.CANCELLED, "the client was closed", failure);
    }
    try {
      Thread.sleep(wait.toMillis());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    if (Thread.currentThread().isInterrupted() || Context.current().isCancelled()) {
      throw failure.code() == Status.Code.CANCELLED
          ? failure
          : new MailwrightException(Status.Code.CANCELLED, "the caller cancelled", failure);
    }
  }

  /** gRPC would wait up to two minutes before it dials a server again that was down for long. */
  private void reconnect() {
    if (!calls.isShutdown()) {
      calls.resetConnectBackoff();
      feed.resetConnectBackoff();
      CompletableFuture.delayedExecutor(5, TimeUnit.SECONDS).execute(this::reconnect);
    }
  }

  private static ManagedChannel channel(String target, String key, ChannelCredentials credentials) {
    var headers = new Metadata();
    if (!key.isEmpty()) {
      headers.put(AUTHORIZATION, "Bearer " + key);
    }
    var config = MailwrightClient.class.getResourceAsStream("service_config.json");
    // A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
    return Grpc.newChannelBuilder(target, credentials)
        .defaultServiceConfig(serviceConfig(new InputStreamReader(config, StandardCharsets.UTF_8)))
        .intercept(MetadataUtils.newAttachHeadersInterceptor(headers))
        .maxInboundMessageSize(RECEIVE_MAX_BYTES)
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(true)
        .build();
  }

  @SuppressWarnings("unchecked")
  private static Map<String, ?> serviceConfig(InputStreamReader json) {
    return (Map<String, ?>) new Gson().fromJson(json, Map.class);
  }
}
