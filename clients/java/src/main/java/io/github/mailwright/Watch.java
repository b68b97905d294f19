package io.github.mailwright;

import io.github.mailwright.v1.GetServerInfoRequest;
import io.github.mailwright.v1.WatchPosition;
import io.github.mailwright.v1.WatchStatusRequest;
import io.github.mailwright.v1.WatchStatusResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * The feed, across connections and servers: it gives each event once.
 *
 * <p>Throws a {@link MailwrightException}, with OUT_OF_RANGE where events are no longer kept: nothing
 * is ever skipped in silence. {@link #close}, from any thread, ends it.
 */
public final class Watch implements Iterator<WatchStatusResponse>, Iterable<WatchStatusResponse>, AutoCloseable {
  private static final Duration FOREVER = Duration.ofDays(36_500);

  private final MailwrightClient client;
  private final Context.CancellableContext context = Context.current().withCancellation();
  private WatchStatusRequest request;
  private boolean heartbeats;
  private Backoff backoff = new Backoff();
  private Iterator<WatchStatusResponse> stream;
  private WatchStatusResponse next;

  Watch(MailwrightClient client, WatchStatusRequest request) {
    this.client = client;
    this.request = request;
    if (!request.hasCursor() && request.getPosition() != WatchPosition.WATCH_POSITION_OLDEST) {
      // "Now" must stay this moment when the first connection breaks before the first event.
      var ask = GetServerInfoRequest.getDefaultInstance();
      var info = client.repeat(FOREVER, left -> client.admin().withDeadlineAfter(left).getServerInfo(ask));
      moveTo(info.getNewestCursor());
    }
  }

  /** Gives heartbeats too, so that a cursor that is kept stays young where little passes the filters. */
  public Watch withHeartbeats() {
    heartbeats = true;
    return this;
  }

  /** The place behind what {@link #next} has given; keep it to go on there in another process. */
  public String cursor() {
    return request.getCursor();
  }

  /** Waits for the next event; false once it is closed. */
  @Override
  public boolean hasNext() {
    while (next == null && !context.isCancelled()) {
      try {
        next = receive();
      } catch (StatusRuntimeException failed) {
        stream = null;
        if (context.isCancelled()) {
          break;
        }
        var failure = MailwrightException.of(failed);
        client.pause(backoff.after(failure).orElseThrow(() -> failure), failure);
      }
    }
    return next != null;
  }

  @Override
  public WatchStatusResponse next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the watch was closed");
    }
    var event = next;
    next = null;
    moveTo(event.getCursor());
    return event;
  }

  @Override
  public Iterator<WatchStatusResponse> iterator() {
    return this;
  }

  @Override
  public void close() {
    context.cancel(null);
  }

  /** The next event to give; null for one that is not. */
  private WatchStatusResponse receive() {
    if (stream == null) {
      context.run(() -> stream = client.status().watchStatus(request));
    }
    if (!stream.hasNext()) { // a server that ends the stream in order is about to stop
      throw Status.UNAVAILABLE.withDescription("the feed ended").asRuntimeException();
    }
    var event = stream.next();
    backoff = new Backoff();
    if (heartbeats || event.hasMessage() || event.hasService()) {
      return event;
    }
    moveTo(event.getCursor());
    return null;
  }

  private void moveTo(String cursor) {
    request = request.toBuilder().setCursor(cursor).build();
  }
}
