package mailwright

import (
	"context"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

// server plays a script: each call takes its next line.
type server struct {
	v1.UnimplementedMailAPIServer
	v1.UnimplementedStatusAPIServer

	mutex   sync.Mutex
	sends   []func(context.Context) (*v1.SendResponse, error)
	watches [][]any // events, then how the stream ends
	ids     []string
	cursors []string
	keys    []string
}

func (s *server) Send(ctx context.Context, request *v1.SendRequest) (*v1.SendResponse, error) {
	s.mutex.Lock()
	answer := s.sends[0]
	s.sends = s.sends[1:]
	s.ids = append(s.ids, request.RequestId)
	said, _ := metadata.FromIncomingContext(ctx)
	s.keys = append(s.keys, said.Get("authorization")...)
	s.mutex.Unlock()
	return answer(ctx)
}

func (s *server) WatchStatus(request *v1.WatchStatusRequest, stream v1.StatusAPI_WatchStatusServer) error {
	s.mutex.Lock()
	script := s.watches[0]
	s.watches = s.watches[1:]
	s.cursors = append(s.cursors, request.GetCursor())
	s.mutex.Unlock()
	for _, line := range script {
		switch line := line.(type) {
		case error:
			return line
		case *v1.WatchStatusResponse:
			if err := stream.Send(line); err != nil {
				return err
			}
		}
	}
	return nil
}

func start(t *testing.T) (*server, *Client) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	played, serving := &server{}, grpc.NewServer()
	v1.RegisterMailAPIServer(serving, played)
	v1.RegisterStatusAPIServer(serving, played)
	go func() { _ = serving.Serve(listener) }()
	t.Cleanup(serving.Stop)
	client, err := New(listener.Addr().String(), "mw_1_secret", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return played, client
}

func refuse(code codes.Code, details ...protoadapt.MessageV1) func(context.Context) (*v1.SendResponse, error) {
	said, err := status.New(code, "refused").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return func(context.Context) (*v1.SendResponse, error) { return nil, said.Err() }
}

func info(reason string) *errdetails.ErrorInfo {
	words := map[string]string{"remedy": "Mend it.", "provider_code": "AADSTS1"}
	return &errdetails.ErrorInfo{Reason: reason, Domain: "mailwright.v1", Metadata: words}
}

func retryIn(delay time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}
}

func event(cursor string) *v1.WatchStatusResponse {
	return &v1.WatchStatusResponse{Cursor: cursor, Event: &v1.WatchStatusResponse_Message{Message: &v1.MessageEvent{}}}
}

func heartbeat(cursor string) *v1.WatchStatusResponse {
	return &v1.WatchStatusResponse{Cursor: cursor, Event: &v1.WatchStatusResponse_Heartbeat{Heartbeat: &v1.Heartbeat{}}}
}

func failure(t *testing.T, client *Client, timeout time.Duration) *Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := client.Send(ctx, &v1.SendRequest{})
	failed, ok := err.(*Error)
	if !ok {
		t.Fatalf("no *Error: %v", err)
	}
	return failed
}

func TestEveryTryOfASendBearsOneRequestIDAndTheKey(t *testing.T) {
	played, client := start(t)
	played.sends = []func(context.Context) (*v1.SendResponse, error){
		refuse(codes.Unavailable, info("DRAINING"), retryIn(20*time.Millisecond)),
		refuse(codes.Internal),
		refuse(codes.ResourceExhausted, info("OUTBOX_FULL"), retryIn(20*time.Millisecond)),
		func(context.Context) (*v1.SendResponse, error) { return &v1.SendResponse{MessageId: "m"}, nil },
	}
	sent, err := client.Send(context.Background(), &v1.SendRequest{})
	if err != nil || sent.MessageId != "m" {
		t.Fatal(sent, err)
	}
	if len(played.ids) != 4 || played.ids[0] == "" {
		t.Fatal(played.ids)
	}
	for i, id := range played.ids {
		if id != played.ids[0] || played.keys[i] != "Bearer mw_1_secret" {
			t.Fatal(played.ids, played.keys)
		}
	}
}

func TestARefusalIsToldAtOnceWithAllThatItSays(t *testing.T) {
	played, client := start(t)
	played.sends = append(played.sends, refuse(codes.InvalidArgument, info("INVALID_FIELD"),
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "email.to", Description: "is empty"}}},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://example.com/"}}}))
	failed := failure(t, client, 5*time.Second)
	if failed.Code() != codes.InvalidArgument || failed.Reason != "INVALID_FIELD" || failed.Remedy != "Mend it." ||
		failed.Link != "https://example.com/" || failed.ProviderCode != "AADSTS1" || failed.RequestID != played.ids[0] ||
		len(failed.Violations) != 1 || failed.Violations[0].Field != "email.to" || failed.Violations[0].Description != "is empty" {
		t.Fatalf("%+v", failed)
	}
	if status.Code(failed) != codes.InvalidArgument {
		t.Fatal(status.Code(failed))
	}
}

func TestABugOfTheServerIsNotAskedForAgain(t *testing.T) {
	played, client := start(t)
	played.sends = append(played.sends, refuse(codes.Internal, info("INTERNAL")))
	if failed := failure(t, client, 5*time.Second); failed.Reason != "INTERNAL" {
		t.Fatal(failed)
	}
}

func TestWhatIsAskedToWaitBeyondTheDeadlineIsToldAtOnce(t *testing.T) {
	played, client := start(t)
	played.sends = append(played.sends, refuse(codes.ResourceExhausted, info("OUTBOX_FULL"), retryIn(time.Hour)))
	if failed := failure(t, client, time.Minute); failed.RetryDelay != time.Hour {
		t.Fatal(failed)
	}
}

func TestAServerThatDoesNotAnswerTakesNoLongerThanTheDeadline(t *testing.T) {
	played, client := start(t)
	played.sends = append(played.sends, func(ctx context.Context) (*v1.SendResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if failed := failure(t, client, 300*time.Millisecond); failed.Code() != codes.DeadlineExceeded {
		t.Fatal(failed)
	}
}

func TestAClosedClientStopsRepeating(t *testing.T) {
	_, client := start(t)
	_ = client.Close()
	if failed := failure(t, client, time.Minute); failed.Code() != codes.Canceled {
		t.Fatal(failed)
	}
}

func TestNoRequestIsAnEmptyOne(t *testing.T) {
	played, client := start(t)
	played.sends = append(played.sends, func(context.Context) (*v1.SendResponse, error) { return &v1.SendResponse{}, nil })
	played.watches = [][]any{{event("1")}}
	if _, err := client.Send(context.Background(), nil); err != nil || played.ids[0] == "" {
		t.Fatal(err, played.ids)
	}
	if next, err := client.Watch(context.Background(), nil, false); err != nil {
		t.Fatal(err)
	} else if event, err := next(); err != nil || event.Cursor != "1" {
		t.Fatal(event, err)
	}
}

func TestWhatCannotBeEncodedIsToldAtOnce(t *testing.T) {
	_, client := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	begun := time.Now()
	if _, err := client.Send(ctx, &v1.SendRequest{ServiceId: "\xff"}); status.Code(err) != codes.Internal {
		t.Fatal(err)
	}
	if _, err := client.Watch(ctx, &v1.WatchStatusRequest{MessageIds: []string{"\xff"}}, false); status.Code(err) != codes.Internal {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Fatal(took)
	}
}

func TestNowIsTheMomentAtWhichAWatchIsThere(t *testing.T) {
	played, client := start(t)
	played.watches = [][]any{
		{status.Error(codes.Unavailable, "gone")},
		{heartbeat("now"), status.Error(codes.Unavailable, "gone")},
		{event("1")},
	}
	next, err := client.Watch(context.Background(), &v1.WatchStatusRequest{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if event, err := next(); err != nil || event.Cursor != "1" {
		t.Fatal(event, err)
	}
	if !reflect.DeepEqual(played.cursors, []string{"", "", "now"}) {
		t.Fatal(played.cursors)
	}
}

func TestAWatchOfNobodyEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	client, err := New(listener.Addr().String(), "", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if _, err := client.Watch(ctx, nil, false); status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
}

func TestAWatchGoesOnBehindWhatItHasGiven(t *testing.T) {
	played, client := start(t)
	played.watches = [][]any{
		{event("1"), heartbeat("2"), status.Error(codes.Unavailable, "gone")},
		{event("3")},
		{event("4")},
		{status.Error(codes.OutOfRange, "too old")},
	}
	ctx, cancel := context.WithCancel(context.Background())
	next, err := client.Watch(ctx, &v1.WatchStatusRequest{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, cursor := range []string{"1", "3", "4"} {
		if event, err := next(); err != nil || event.Cursor != cursor {
			t.Fatal(event, err)
		}
	}
	if _, err := next(); status.Code(err) != codes.OutOfRange {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(played.cursors, []string{"", "2", "3", "4"}) {
		t.Fatal(played.cursors)
	}
	cancel()
	if _, err := next(); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
}
