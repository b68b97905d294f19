package mailwright

import (
	"context"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

// Watch is the feed, across connections and servers: it gives each event once.
type Watch struct {
	// Heartbeats makes Next give those too, so that a Cursor that is kept stays young where little
	// passes the filters.
	Heartbeats bool

	client  *Client
	ctx     context.Context
	own     context.Context
	cancel  context.CancelFunc
	request *v1.WatchStatusRequest
	stream  v1.StatusAPI_WatchStatusClient
	backoff *backoff
}

// Watch follows the feed from the request's cursor or position on (default: from now on), until the
// context ends or Close is called.
func (c *Client) Watch(ctx context.Context, request *v1.WatchStatusRequest) (*Watch, error) {
	own, cancel := context.WithCancel(ctx)
	w := &Watch{client: c, ctx: ctx, own: own, cancel: cancel, backoff: newBackoff()}
	w.request = proto.Clone(request).(*v1.WatchStatusRequest)
	if request.GetCursor() == "" && request.GetPosition() != v1.WatchPosition_WATCH_POSITION_OLDEST {
		// "Now" must stay this moment when the first connection breaks before the first event.
		failed := c.repeat(own, func(try context.Context) error {
			info, err := c.Admin.GetServerInfo(try, &v1.GetServerInfoRequest{})
			w.request.Start = &v1.WatchStatusRequest_Cursor{Cursor: info.GetNewestCursor()}
			return err
		})
		if failed != nil {
			cancel()
			return nil, failed
		}
	}
	return w, nil
}

// Cursor is the place behind what Next has given; keep it to go on there in another process.
func (w *Watch) Cursor() string { return w.request.GetCursor() }

// Close ends the watch, from any goroutine: Next gives io.EOF then.
func (w *Watch) Close() { w.cancel() }

// Next waits for the next event. Its errors are io.EOF and of type *Error, with codes.OutOfRange where
// events are no longer kept: nothing is ever skipped in silence.
func (w *Watch) Next() (*v1.WatchStatusResponse, error) {
	for {
		event, err := w.receive()
		if err == nil {
			w.backoff = newBackoff()
			w.request.Start = &v1.WatchStatusRequest_Cursor{Cursor: event.Cursor}
			if w.Heartbeats || event.GetMessage() != nil || event.GetService() != nil {
				return event, nil
			}
			continue
		}
		w.stream = nil
		failed := FromError(err)
		if err == io.EOF { // a server that ends the stream in order is about to stop
			failed = &Error{Code: codes.Unavailable, Message: "the feed ended", cause: err}
		}
		wait, again := w.backoff.after(failed)
		if w.own.Err() == nil && (!again || w.client.closed()) {
			return nil, failed
		}
		if !sleep(w.own, wait) {
			if w.ctx.Err() != nil {
				return nil, FromError(w.ctx.Err())
			}
			return nil, io.EOF
		}
	}
}

func (w *Watch) receive() (event *v1.WatchStatusResponse, err error) {
	if w.stream == nil {
		if w.stream, err = w.client.Status.WatchStatus(w.own, w.request); err != nil {
			return nil, err
		}
	}
	return w.stream.Recv()
}
