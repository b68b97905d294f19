package io.github.mailwright;

import io.grpc.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/** How long to wait between tries of one call: full jitter, and never less than the server asks. */
final class Backoff {
  private static final long LAST_BOUND_MILLIS = 5_000;

  /** How long one try may take. */
  Duration patience = Duration.ofSeconds(10);

  private long boundMillis = 100;

  /** The wait until the next try; empty where there is none. */
  Optional<Duration> after(MailwrightException failure) {
    if (!failure.retryable()) {
      return Optional.empty();
    }
    if (failure.code() == Status.Code.DEADLINE_EXCEEDED) {
      patience = patience.multipliedBy(2);
    }
    boundMillis = Math.min(boundMillis * 2, LAST_BOUND_MILLIS);
    long jitter = ThreadLocalRandom.current().nextLong(boundMillis);
    return Optional.of(failure.retryDelay().orElse(Duration.ZERO).plusMillis(jitter));
  }
}
