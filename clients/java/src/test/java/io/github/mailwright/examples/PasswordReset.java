package io.github.mailwright.examples;

import com.google.protobuf.Timestamp;
import io.github.mailwright.MailwrightClient;
import io.github.mailwright.MailwrightClient.MailwrightException;
import io.github.mailwright.v1.Address;
import io.github.mailwright.v1.Email;
import io.github.mailwright.v1.MessageState;
import io.github.mailwright.v1.Priority;
import io.github.mailwright.v1.SendRequest;
import io.github.mailwright.v1.WatchStatusRequest;
import io.grpc.InsecureChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.time.Duration;
import java.time.Instant;

/** Sends a password reset, waits until it is SENT, or explains why not. Arguments: target, service, address. */
public final class PasswordReset {
  public static void main(String[] arguments) {
    String target = arguments[0];
    String key = System.getenv().getOrDefault("MAILWRIGHT_KEY", "");
    boolean loopback = target.startsWith("127.") || target.startsWith("localhost:");
    var credentials = loopback ? InsecureChannelCredentials.create() : TlsChannelCredentials.create();
    boolean reset = false;
    try (var client = new MailwrightClient(target, key, credentials)) {
      reset = resetPassword(client, arguments[1], arguments[2], "https://example.com/reset/3f9a");
    } catch (MailwrightException failure) {
      System.err.printf("%s: %s %s%n", failure.reason, failure.getMessage(), failure.link);
      System.err.println(failure.remedy);
    }
    System.exit(reset ? 0 : 1);
  }

  private static boolean resetPassword(MailwrightClient client, String service, String to, String link) {
    var email =
        Email.newBuilder()
            .addTo(Address.newBuilder().setAddress(to))
            .setSubject("Reset your password")
            .setTextBody("Open " + link + " within an hour. If you didn't ask for this, do nothing.");
    // A link that is dead helps nobody.
    var expires = Timestamp.newBuilder().setSeconds(Instant.now().getEpochSecond() + 3_600);
    var sent =
        client.send(
            SendRequest.newBuilder()
                .setServiceId(service)
                .setEmail(email)
                .setPriority(Priority.PRIORITY_HIGH)
                .setExpireTime(expires)
                .build(),
            Duration.ofMinutes(1));
    var from = WatchStatusRequest.newBuilder().setCursor(sent.getCursor()).addMessageIds(sent.getMessageId());
    try (var events = client.watch(from.build(), false, Duration.ofMinutes(1))) {
      for (var each = events.iterator(); each.hasNext(); ) {
        var message = each.next().getMessage().getMessage();
        if (message.getState() == MessageState.MESSAGE_STATE_SENT) {
          System.out.println("sent to " + to);
          return true;
        }
        if (message.hasProblem()) {
          var why = message.getProblem();
          System.out.printf("%s: %s %s %s%n", message.getState(), why.getSummary(), why.getRemedy(), why.getHelpUrl());
        }
        if (message.hasEndTime()) {
          return false;
        }
      }
    }
    return false;
  }
}
