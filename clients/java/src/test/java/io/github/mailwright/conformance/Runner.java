package io.github.mailwright.conformance;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import com.google.rpc.BadRequest;
import io.github.mailwright.MailwrightClient;
import io.github.mailwright.MailwrightClient.MailwrightException;
import io.github.mailwright.v1.Address;
import io.github.mailwright.v1.Attachment;
import io.github.mailwright.v1.BeginAuthorizeRequest;
import io.github.mailwright.v1.CancelMessageRequest;
import io.github.mailwright.v1.CompleteAuthorizeRequest;
import io.github.mailwright.v1.CreateServiceRequest;
import io.github.mailwright.v1.Delivery;
import io.github.mailwright.v1.Diagnosis;
import io.github.mailwright.v1.Email;
import io.github.mailwright.v1.EventKind;
import io.github.mailwright.v1.GetMessageRequest;
import io.github.mailwright.v1.GetServerInfoRequest;
import io.github.mailwright.v1.GetServiceRequest;
import io.github.mailwright.v1.Message;
import io.github.mailwright.v1.MessageState;
import io.github.mailwright.v1.OAuth2;
import io.github.mailwright.v1.Provider;
import io.github.mailwright.v1.Reason;
import io.github.mailwright.v1.ResumeServiceRequest;
import io.github.mailwright.v1.SendRequest;
import io.github.mailwright.v1.SendResponse;
import io.github.mailwright.v1.SendTestRequest;
import io.github.mailwright.v1.Sender;
import io.github.mailwright.v1.Service;
import io.github.mailwright.v1.Smtp;
import io.github.mailwright.v1.SuspendServiceRequest;
import io.github.mailwright.v1.WatchStatusRequest;
import io.github.mailwright.v1.WatchStatusResponse;
import io.grpc.Context;
import io.grpc.InsecureChannelCredentials;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Plays the conformance scenario with the Java client: see clients/conformance/README.md. */
public final class Runner {
  private static final String BILLING = "billing";
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Gson GSON = new Gson();
  private static final BufferedReader DRIVER =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  private final JsonObject world = ask("start", new JsonObject());
  private final Map<String, SendResponse> sent = new HashMap<>();
  private MailwrightClient client = connect();

  /** One step of the scenario. */
  private static final class Step {
    String name;
    String id = "";
    List<String> to = List.of();
    String subject;
    String service = BILLING;
    String state;
    String ask;
    String cursor;
    String key;
    int attach;
    long in_seconds;
    double timeout;
    boolean untrusted;
    double within;
    // "do" is a word of the language.
    @com.google.gson.annotations.SerializedName("do")
    String what;
  }

  private interface Call {
    String run();
  }

  public static void main(String[] arguments) throws IOException {
    var scenario = GSON.fromJson(Files.readString(Path.of(arguments[0])), JsonObject.class);
    var runner = new Runner();
    var results = new JsonArray();
    for (Step step : GSON.fromJson(scenario.get("steps"), Step[].class)) {
      String outcome = outcome(() -> runner.play(step));
      System.err.println(step.name + ": " + outcome);
      results.add(outcome);
    }
    var report = new JsonObject();
    report.add("results", results);
    ask("report", report);
    runner.client.close();
  }

  /** Says a line to the driver and reads its line. */
  private static JsonObject ask(String what, JsonObject fields) {
    fields.addProperty("do", what);
    System.out.println(GSON.toJson(fields));
    try {
      return GSON.fromJson(DRIVER.readLine(), JsonObject.class);
    } catch (IOException gone) {
      throw new IllegalStateException(gone);
    }
  }

  private static JsonObject ask(String what) {
    return ask(what, new JsonObject());
  }

  private static JsonObject fields(String name, String value) {
    var fields = new JsonObject();
    fields.addProperty(name, value);
    return fields;
  }

  private String play(Step step) {
    return switch (step.what) {
      case "create" -> create();
      case "authorize" -> authorize();
      case "test" -> test(step);
      case "send" -> send(step);
      case "send_as" -> sendAs(step);
      case "send_tls" -> sendTls(step);
      case "watch_frozen" -> watchFrozen(step);
      case "send_unnamed" -> sendUnnamed(step);
      case "end" -> end(step);
      case "until" -> until(step);
      case "cancel" -> cancel(step);
      case "ask" -> done(ask(step.ask));
      case "watch" -> watch(step);
      case "send_through" -> sendThrough(step);
      case "arrived" -> arrived(step);
      case "cancel_send" -> cancelSend(step);
      case "cancel_watch" -> cancelWatch(step);
      case "fill" -> fill(step);
      case "watch_from" -> watchFrom(step.cursor);
      case "new_store" -> newStore();
      default -> throw new IllegalArgumentException(step.what);
    };
  }

  private static String done(JsonObject answer) {
    return "done";
  }

  private static String outcome(Call call) {
    try {
      return call.run();
    } catch (MailwrightException failure) {
      return failure(failure);
    } catch (StatusRuntimeException failure) {
      return failure(new MailwrightException(failure, ""));
    }
  }

  private static String failure(MailwrightException failure) {
    var parts = new ArrayList<String>();
    parts.add((failure.getStatus().getCode() + " " + failure.reason).strip());
    if (!failure.remedy.isEmpty()) {
      parts.add("remedy");
    }
    if (!failure.link.isEmpty()) {
      parts.add("link");
    }
    if (!failure.retryDelay.isZero()) {
      parts.add("retry");
    }
    if (!failure.violations.isEmpty()) {
      parts.add(String.join(" ", failure.violations.stream().map(BadRequest.FieldViolation::getField).toList()));
    }
    return String.join(", ", parts);
  }

  private MailwrightClient connect() {
    return connect(world.get("key").getAsString());
  }

  private MailwrightClient connect(String key) {
    return new MailwrightClient(world.get("target").getAsString(), key, InsecureChannelCredentials.create());
  }

  private String create() {
    var oauth2 =
        OAuth2.newBuilder()
            .setProvider(Provider.PROVIDER_MICROSOFT)
            .setLoginEmail("adele@contoso.com")
            .setClientId(world.get("client_id").getAsString())
            .setClientSecret(world.get("client_secret").getAsString());
    var service =
        Service.newBuilder()
            .setDisplayName("Billing")
            .setSmtp(Smtp.newBuilder().setHost("localhost").setPort(world.get("smtp_port").getAsInt()))
            .setSender(Sender.newBuilder().setAddress("adele@contoso.com").setName("Contoso Billing"))
            .setOauth2(oauth2)
            .setDelivery(Delivery.newBuilder().setMessagesPerMinute(100_000).setRecipientsPerDay(1_000_000));
    var request = CreateServiceRequest.newBuilder().setServiceId(BILLING).setService(service).build();
    return state(client.admin.createService(request).getService());
  }

  private String authorize() {
    var begin = BeginAuthorizeRequest.newBuilder().setServiceId(BILLING).build();
    String url = client.admin.beginAuthorize(begin).getAuthorizationUrl();
    var back = ask("consent", fields("url", url));
    var complete =
        CompleteAuthorizeRequest.newBuilder()
            .setState(back.get("state").getAsString())
            .setCode(back.get("code").getAsString())
            .build();
    return state(client.admin.completeAuthorize(complete).getService());
  }

  private String test(Step step) {
    var request = SendTestRequest.newBuilder().setServiceId(BILLING).setTo(step.to.get(0)).build();
    boolean passed = client.admin.sendTest(request).getPassed();
    var read = GetServiceRequest.newBuilder().setServiceId(BILLING).build();
    return (passed ? "passed, " : "failed, ") + state(client.admin.getService(read).getService());
  }

  private static SendRequest request(Step step, String id) {
    var email = Email.newBuilder().setSubject(step.subject == null ? id : step.subject).setTextBody("Hello.");
    for (String address : step.to) {
      email.addTo(Address.newBuilder().setAddress(address));
    }
    if (step.attach > 0) {
      var content = ByteString.copyFrom("x".repeat(step.attach), StandardCharsets.US_ASCII);
      email.addAttachments(Attachment.newBuilder().setFilename("large.bin").setContent(content));
    }
    var request = SendRequest.newBuilder().setServiceId(step.service).setRequestId(id).setEmail(email);
    if (step.in_seconds > 0) {
      long at = Instant.now().getEpochSecond() + step.in_seconds;
      request.setSendTime(Timestamp.newBuilder().setSeconds(at));
    }
    return request.build();
  }

  private String send(Step step) {
    return send(step, step.id);
  }

  private String send(Step step, String id) {
    double seconds = step.timeout > 0 ? step.timeout : 60;
    var answer = client.send(request(step, id), Duration.ofMillis((long) (seconds * 1_000)));
    sent.put(id, answer);
    var parts = new ArrayList<>(List.of(state(answer.getState())));
    if (answer.getDeduplicated()) {
      parts.add("deduplicated");
    }
    if (answer.hasProblem()) {
      parts.add(reason(answer.getProblem()));
    }
    return String.join(", ", parts);
  }

  /** Connects by TLS, and trusts the driver's authority, or what Java trusts. */
  private MailwrightClient sealed(boolean trusting) {
    var tls = TlsChannelCredentials.newBuilder();
    try {
      var credentials = trusting ? tls.trustManager(new File(world.get("ca").getAsString())) : tls;
      String target = world.get("tls_target").getAsString();
      return new MailwrightClient(target, world.get("key").getAsString(), credentials.build());
    } catch (IOException unreadable) {
      throw new IllegalStateException(unreadable);
    }
  }

  private String sendAs(Step step) {
    try (var stranger = connect(step.key)) {
      return state(stranger.send(request(step, step.id), MINUTE).getState());
    }
  }

  private String sendTls(Step step) {
    try (var sealed = sealed(!step.untrusted)) {
      var timeout = Duration.ofMillis((long) ((step.timeout > 0 ? step.timeout : 60) * 1_000));
      return state(sealed.send(request(step, step.id), timeout).getState());
    }
  }

  private String watchFrozen(Step step) {
    try (var sealed = sealed(true);
        var feed = sealed.watch(WatchStatusRequest.getDefaultInstance(), false, MINUTE)) {
      var watch = feed.iterator();
      client.send(request(step, step.id + "-0"), MINUTE);
      watch.next();
      ask("freeze");
      long begun = System.nanoTime();
      String awaited = client.send(request(step, step.id + "-1"), MINUTE).getMessageId();
      while (!watch.next().getMessage().getMessage().getMessageId().equals(awaited)) {}
      return System.nanoTime() - begun < step.within * 1e9 ? "noticed" : "late";
    }
  }

  private String sendUnnamed(Step step) {
    Set<String> ids = new HashSet<>();
    boolean named = true;
    for (int i = 0; i < 2; i++) {
      var id = client.send(request(step, ""), MINUTE).getMessageId();
      named &= !read(id).getRequestId().isEmpty();
      ids.add(id);
    }
    return ids.size() + " messages, " + (named ? "named" : "unnamed");
  }

  private Message read(String messageId) {
    return client.mail.getMessage(GetMessageRequest.newBuilder().setMessageId(messageId).build()).getMessage();
  }

  /** Follows one message from its Send on. */
  private Message message(String id, Predicate<Message> until) {
    var answer = sent.get(id);
    var request =
        WatchStatusRequest.newBuilder().setCursor(answer.getCursor()).addMessageIds(answer.getMessageId()).build();
    try (var events = client.watch(request, false, MINUTE)) {
      events.map(event -> event.getMessage().getMessage()).filter(until).findFirst();
    }
    return read(answer.getMessageId());
  }

  private String end(Step step) {
    var message = message(step.id, Message::hasEndTime);
    var parts = new ArrayList<>(List.of(state(message.getState())));
    for (var recipient : message.getRecipientsList()) {
      String outcome = recipient.getOutcome().name().replace("RECIPIENT_OUTCOME_", "");
      String why = recipient.hasDiagnosis() ? " " + reason(recipient.getDiagnosis()) : "";
      parts.add(recipient.getAddress() + " " + outcome + why);
    }
    return String.join("; ", parts);
  }

  private String until(Step step) {
    var message = message(step.id, one -> state(one.getState()).equals(step.state) && one.hasProblem());
    return state(message.getState()) + " " + reason(message.getProblem());
  }

  private String cancel(Step step) {
    var request = CancelMessageRequest.newBuilder().setMessageId(sent.get(step.id).getMessageId()).build();
    return state(client.mail.cancelMessage(request).getMessage().getState());
  }

  /** Three messages before the server goes, three after it is back, and one watch through it all. */
  private String watch(Step step) {
    int fresh = 0;
    int twice = 0;
    int ended = 0;
    Set<String> cursors = new HashSet<>();
    var request = WatchStatusRequest.newBuilder().addKinds(EventKind.EVENT_KIND_MESSAGE).build();
    try (var feed = client.watch(request, false, MINUTE)) {
      var watch = feed.iterator();
      sendThree(step, 0);
      while (ended < 6) {
        var event = watch.next();
        if (cursors.isEmpty()) {
          ask(step.ask);
          sendThree(step, 3);
        }
        twice += cursors.add(event.getCursor()) ? 0 : 1;
        fresh += event.getMessage().getPreviousState() == MessageState.MESSAGE_STATE_UNSPECIFIED ? 1 : 0;
        ended += event.getMessage().getMessage().getState() == MessageState.MESSAGE_STATE_SENT ? 1 : 0;
      }
    }
    return fresh + " new, " + ended + " SENT, " + twice + " twice";
  }

  private void sendThree(Step step, int from) {
    for (int i = from; i < from + 3; i++) {
      client.send(request(step, step.id + "-" + i), MINUTE);
    }
  }

  private String sendThrough(Step step) {
    ask("stop");
    var sending = CompletableFuture.supplyAsync(() -> outcome(() -> send(step)));
    ask("serve");
    return sending.join();
  }

  private String arrived(Step step) {
    var message = message(step.id, Message::hasEndTime);
    int times = ask("arrived", fields("subject", step.id)).get("times").getAsInt();
    return state(message.getState()) + "; " + times + (times == 1 ? " copy" : " copies");
  }

  private String cancelSend(Step step) {
    var context = Context.current().withCancellation();
    var sending = CompletableFuture.supplyAsync(() -> outcome(() -> in(context, () -> send(step))));
    nap();
    context.cancel(null);
    return sending.join();
  }

  private static String in(Context context, Call call) {
    var outside = context.attach();
    try {
      return call.run();
    } finally {
      context.detach(outside);
    }
  }

  private String cancelWatch(Step step) {
    var own = connect();
    var request = WatchStatusRequest.newBuilder().setCursor(sent.get(step.id).getCursor()).build();
    var watching = CompletableFuture.supplyAsync(() -> outcome(() -> next(own.watch(request, false, MINUTE))));
    nap();
    own.close();
    return watching.join();
  }

  private static void nap() {
    try {
      Thread.sleep(300);
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }

  private String fill(Step step) {
    client.admin.suspendService(SuspendServiceRequest.newBuilder().setServiceId(BILLING).build());
    for (int held = 0; ; held++) {
      try {
        send(step, step.id + "-" + held);
      } catch (MailwrightException full) {
        client.admin.resumeService(ResumeServiceRequest.newBuilder().setServiceId(BILLING).build());
        return held + " HELD, then " + failure(full);
      }
    }
  }

  private String watchFrom(String cursor) {
    try (var watch = client.watch(WatchStatusRequest.newBuilder().setCursor(cursor).build(), false, MINUTE)) {
      return next(watch);
    }
  }

  private static String next(Stream<WatchStatusResponse> watch) {
    return watch.findFirst().isPresent() ? "an event" : "ended";
  }

  private String newStore() {
    String old = client.admin.getServerInfo(GetServerInfoRequest.getDefaultInstance()).getNewestCursor();
    world.add("key", ask("new_store").get("key"));
    client.close();
    client = connect();
    return watchFrom(old);
  }

  private static String state(Service service) {
    return service.getState().name().replace("SERVICE_STATE_", "");
  }

  private static String state(MessageState state) {
    return state.name().replace("MESSAGE_STATE_", "");
  }

  private static String reason(Diagnosis diagnosis) {
    return diagnosis.getReason() == Reason.UNRECOGNIZED ? "" : diagnosis.getReason().name().replace("REASON_", "");
  }
}
