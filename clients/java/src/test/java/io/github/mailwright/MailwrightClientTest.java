package io.github.mailwright;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Help;
import com.google.rpc.RetryInfo;
import io.github.mailwright.MailwrightClient.MailwrightException;
import io.github.mailwright.v1.Heartbeat;
import io.github.mailwright.v1.MailAPIGrpc;
import io.github.mailwright.v1.MessageEvent;
import io.github.mailwright.v1.SendRequest;
import io.github.mailwright.v1.SendResponse;
import io.github.mailwright.v1.StatusAPIGrpc;
import io.github.mailwright.v1.WatchStatusRequest;
import io.github.mailwright.v1.WatchStatusResponse;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The promises of the layer, against a server that plays a script: an answer, an exception, or silence. */
class MailwrightClientTest {
  private static final String SILENCE = "silence";

  private final Queue<Object> sends = new ConcurrentLinkedQueue<>();
  private final Queue<List<Object>> watches = new ConcurrentLinkedQueue<>();
  private final Queue<String> ids = new ConcurrentLinkedQueue<>();
  private final Queue<String> cursors = new ConcurrentLinkedQueue<>();
  private final Set<String> keys = new ConcurrentSkipListSet<>();
  private Server server;
  private MailwrightClient client;

  @BeforeEach
  void start() throws IOException {
    server = serve(0);
    var credentials = InsecureChannelCredentials.create();
    client = new MailwrightClient("127.0.0.1:" + server.getPort(), "mw_1_secret", credentials);
  }

  private Server serve(int port) throws IOException {
    return Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
        .addService(new Mail())
        .addService(new Feed())
        .intercept(new Keys())
        .build()
        .start();
  }

  @AfterEach
  void stop() {
    client.close();
    server.shutdownNow();
  }

  @Test
  void everyTryOfASendBearsOneRequestIdAndTheKey() {
    sends.add(refuse(Status.Code.UNAVAILABLE, info("DRAINING"), retryIn(20)));
    sends.add(refuse(Status.Code.INTERNAL));
    sends.add(refuse(Status.Code.RESOURCE_EXHAUSTED, info("OUTBOX_FULL"), retryIn(20)));
    sends.add(SendResponse.newBuilder().setMessageId("m").build());
    assertEquals("m", client.send(SendRequest.getDefaultInstance(), Duration.ofMinutes(1)).getMessageId());
    assertEquals(4, ids.size());
    assertEquals(1, Set.copyOf(ids).size());
    assertFalse(ids.peek().isEmpty());
    assertEquals(Set.of("Bearer mw_1_secret"), keys);
  }

  @Test
  void aRefusalIsToldAtOnceWithAllThatItSays() {
    var violation = BadRequest.FieldViolation.newBuilder().setField("email.to").setDescription("is empty");
    var help = Help.newBuilder().addLinks(Help.Link.newBuilder().setUrl("https://example.com/"));
    var bad = BadRequest.newBuilder().addFieldViolations(violation);
    sends.add(refuse(Status.Code.INVALID_ARGUMENT, info("INVALID_FIELD"), bad.build(), help.build()));
    var failure = failure(Duration.ofSeconds(5));
    assertEquals(Status.Code.INVALID_ARGUMENT, failure.getStatus().getCode());
    var said = List.of(failure.reason, failure.remedy, failure.link, failure.providerCode);
    assertEquals(List.of("INVALID_FIELD", "Mend it.", "https://example.com/", "AADSTS1"), said);
    assertEquals(List.of(violation.build()), failure.violations);
    assertEquals(ids.peek(), failure.requestId);
  }

  @Test
  void aBugOfTheServerIsNotAskedForAgain() {
    sends.add(refuse(Status.Code.INTERNAL, info("INTERNAL")));
    assertEquals("INTERNAL", failure(Duration.ofSeconds(5)).reason);
  }

  @Test
  void whatIsAskedToWaitBeyondTheDeadlineIsToldAtOnce() {
    sends.add(refuse(Status.Code.RESOURCE_EXHAUSTED, info("OUTBOX_FULL"), retryIn(3_600_000)));
    assertEquals(Duration.ofHours(1), failure(Duration.ofMinutes(1)).retryDelay);
  }

  @Test
  void aServerThatDoesNotAnswerTakesNoLongerThanTheDeadline() {
    sends.add(SILENCE);
    assertEquals(Status.Code.DEADLINE_EXCEEDED, failure(Duration.ofMillis(300)).getStatus().getCode());
  }

  @Test
  void anInterruptEndsASendAndAClosedClientSendsNoMore() {
    sends.add(SILENCE);
    Thread.currentThread().interrupt();
    assertEquals(Status.Code.CANCELLED, failure(Duration.ofMinutes(1)).getStatus().getCode());
    assertTrue(Thread.interrupted());
    client.close();
    assertEquals(Status.Code.CANCELLED, failure(Duration.ofMinutes(1)).getStatus().getCode());
  }

  @Test
  void nowIsTheMomentAtWhichAWatchIsThere() {
    var heartbeat = WatchStatusResponse.newBuilder().setCursor("now").setHeartbeat(Heartbeat.getDefaultInstance()).build();
    watches.add(List.of(heartbeat, refuse(Status.Code.UNAVAILABLE)));
    watches.add(List.of(event("1")));
    try (var watch = watch(Duration.ofMinutes(1))) {
      assertEquals("1", watch.findFirst().orElseThrow().getCursor());
      assertEquals(List.of("", "now"), List.copyOf(cursors));
    }
  }

  @Test
  void aWatchGoesOnBehindWhatItHasGiven() {
    var heartbeat = WatchStatusResponse.newBuilder().setCursor("2").setHeartbeat(Heartbeat.getDefaultInstance()).build();
    watches.add(List.of(event("1"), heartbeat, refuse(Status.Code.UNAVAILABLE)));
    watches.add(List.of(event("3")));
    watches.add(List.of(event("4")));
    watches.add(List.of(refuse(Status.Code.OUT_OF_RANGE, info("CURSOR_OUT_OF_RANGE"))));
    try (var watch = watch(Duration.ofMinutes(1))) {
      var given = new ArrayList<String>();
      var failure = assertThrows(MailwrightException.class, () -> watch.forEach(event -> given.add(event.getCursor())));
      assertEquals(Status.Code.OUT_OF_RANGE, failure.getStatus().getCode());
      assertEquals(List.of("1", "3", "4"), given);
      assertEquals(List.of("", "2", "3", "4"), List.copyOf(cursors));
    }
  }

  @Test
  void aWatchOfNobodyEndsWithItsTimeout() {
    server.shutdownNow();
    var failure = assertThrows(MailwrightException.class, () -> watch(Duration.ofMillis(500)));
    assertEquals(Status.Code.UNAVAILABLE, failure.getStatus().getCode());
  }

  @Test
  void aWatchWithoutAnAnswerEndsWithItsTimeout() {
    watches.add(List.of(SILENCE));
    var failure = assertThrows(MailwrightException.class, () -> watch(Duration.ofMillis(300)));
    assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.getStatus().getCode());
  }

  @Test
  void aWatchThatWasAnsweredOutlivesItsTimeout() {
    watches.add(List.of(event("1"), SILENCE));
    watches.add(List.of(event("2")));
    try (var watch = watch(Duration.ofMillis(500))) {
      var given = watch.limit(2).map(WatchStatusResponse::getCursor).toList();
      assertEquals(List.of("1", "2"), given);
      assertEquals(List.of("", "1"), List.copyOf(cursors));
    }
  }

  /** gRPC would dial for the seventh time 8 to 13 seconds after the sixth. */
  @Test
  void aServerThatWasAwayForLongIsFoundSoonAfterItIsBack() throws Exception {
    int port = server.getPort();
    server.shutdownNow().awaitTermination();
    var sending = new CompletableFuture<SendResponse>();
    try (var away = new ServerSocket(port)) {
      var request = SendRequest.getDefaultInstance();
      sending.completeAsync(() -> client.send(request, Duration.ofMinutes(1)));
      for (int dials = 0; dials < 6; dials++) {
        away.accept().close();
      }
    }
    sends.add(SendResponse.newBuilder().setMessageId("m").build());
    server = serve(port);
    assertEquals("m", sending.get(7, TimeUnit.SECONDS).getMessageId());
  }

  private Stream<WatchStatusResponse> watch(Duration timeout) {
    return client.watch(WatchStatusRequest.getDefaultInstance(), false, timeout);
  }

  private MailwrightException failure(Duration timeout) {
    return assertThrows(MailwrightException.class, () -> client.send(SendRequest.getDefaultInstance(), timeout));
  }

  private static WatchStatusResponse event(String cursor) {
    return WatchStatusResponse.newBuilder().setCursor(cursor).setMessage(MessageEvent.getDefaultInstance()).build();
  }

  private static ErrorInfo info(String reason) {
    var info = ErrorInfo.newBuilder().setReason(reason).setDomain("mailwright.v1");
    return info.putMetadata("remedy", "Mend it.").putMetadata("provider_code", "AADSTS1").build();
  }

  private static RetryInfo retryIn(long millis) {
    var delay = com.google.protobuf.Duration.newBuilder();
    delay.setSeconds(millis / 1_000).setNanos((int) (millis % 1_000) * 1_000_000);
    return RetryInfo.newBuilder().setRetryDelay(delay).build();
  }

  private static RuntimeException refuse(Status.Code code, com.google.protobuf.Message... details) {
    var status = com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage("refused");
    for (var detail : details) {
      status.addDetails(Any.pack(detail));
    }
    return details.length == 0
        ? code.toStatus().withDescription("refused").asRuntimeException()
        : StatusProto.toStatusRuntimeException(status.build());
  }

  private static <T> void play(Queue<Object> script, StreamObserver<T> answers, Class<T> type) {
    while (!script.isEmpty()) {
      Object line = script.remove();
      if (line instanceof RuntimeException refusal) {
        answers.onError(refusal);
        return;
      }
      if (line == SILENCE) {
        return;
      }
      answers.onNext(type.cast(line));
    }
    answers.onCompleted();
  }

  private final class Mail extends MailAPIGrpc.MailAPIImplBase {
    @Override
    public void send(SendRequest request, StreamObserver<SendResponse> answer) {
      ids.add(request.getRequestId());
      play(new ArrayDeque<>(List.of(sends.remove())), answer, SendResponse.class);
    }
  }

  private final class Feed extends StatusAPIGrpc.StatusAPIImplBase {
    @Override
    public void watchStatus(WatchStatusRequest request, StreamObserver<WatchStatusResponse> answers) {
      cursors.add(request.getCursor());
      play(new ArrayDeque<>(watches.remove()), answers, WatchStatusResponse.class);
    }
  }

  private final class Keys implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      keys.add(headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)));
      return next.startCall(call, headers);
    }
  }
}
