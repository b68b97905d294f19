// Package mailwright is the client of Mailwright, a self-hosted email-sending service; mailwrightv1 has the messages.
package mailwright

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"time"

	"github.com/google/uuid"
	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// So a connection, a proxy or a feed ends; where the server itself says one, it says a reason too.
var lost = map[string]bool{"Unavailable": true, "Canceled": true, "Internal": true, "Unknown": true, "DeadlineExceeded": true}

// Error is a call that failed: Reason, a name of mailwrightv1.Reason without its prefix, is for programs (empty
// where no server answered), the rest for people. With RequestID a Send can be repeated safely.
type Error struct {
	*status.Status
	Reason, Remedy, Link, ProviderCode, RequestID string
	Violations                                    []*errdetails.BadRequest_FieldViolation
	RetryDelay                                    time.Duration // zero where a repeat doesn't help
}

// FromError reads what a generated stub failed with.
func FromError(err error) *Error {
	e := &Error{Status: status.Convert(err)}
	for _, detail := range e.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Remedy, e.ProviderCode = detail.Reason, detail.Metadata["remedy"], detail.Metadata["provider_code"]
		case *errdetails.Help:
			e.Link = append(detail.Links, &errdetails.Help_Link{})[0].Url
		case *errdetails.BadRequest:
			e.Violations = detail.FieldViolations
		case *errdetails.RetryInfo:
			e.RetryDelay = detail.RetryDelay.AsDuration()
		}
	}
	return e
}

// GRPCStatus is what status.FromError looks for, Error what people read.
func (e *Error) GRPCStatus() *status.Status { return e.Status }
func (e *Error) Error() string              { return fmt.Sprintf("%s %s: %s", e.Code(), e.Reason, e.Message()) }

// Client is a connection to a server, for goroutines to share. Its stubs wait for it: give their contexts a deadline.
type Client struct {
	*grpc.ClientConn
	Mail   v1.MailAPIClient
	Admin  v1.AdminAPIClient
	Status v1.StatusAPIClient
}

// New makes a client of the server at target, "host:port", by TLS that trusts the system's certificates. Options may
// replace that: grpc.WithTransportCredentials, with insecure.NewCredentials() on loopback and in meshes that encrypt.
func New(target, key string, options ...grpc.DialOption) (*Client, error) {
	bearer := headers{}
	if key != "" {
		bearer["authorization"] = "Bearer " + key
	}
	redial := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(nil)),
		grpc.WithPerRPCCredentials(bearer),
		grpc.WithDefaultServiceConfig(v1.ServiceConfig),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(48 << 20)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: redial, MinConnectTimeout: 5 * time.Second}),
		// A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}),
	}, options...)...)
	return &Client{conn, v1.NewMailAPIClient(conn), v1.NewAdminAPIClient(conn), v1.NewStatusAPIClient(conn)}, err
}

// Send makes a RequestId where there is none, and repeats until the context ends: the message is accepted once.
func (c *Client) Send(ctx context.Context, request *v1.SendRequest) (*v1.SendResponse, error) {
	named := &v1.SendRequest{RequestId: uuid.NewString()}
	proto.Merge(named, request)
	return repeat(ctx, c, named, named.RequestId, func() (*v1.SendResponse, error) { return c.Mail.Send(ctx, named) })
}

// Watch waits for the feed's answer, then follows it from the request's cursor or position on (default: from now on),
// both until the context ends. What it returns gives each event once, heartbeats if asked for, or an *Error.
func (c *Client) Watch(ctx context.Context, request *v1.WatchStatusRequest, heartbeats bool) (func() (*v1.WatchStatusResponse, error), error) {
	at := &v1.WatchStatusRequest{}
	proto.Merge(at, request)
	var stream v1.StatusAPI_WatchStatusClient
	receive := func() (event *v1.WatchStatusResponse, err error) {
		if stream == nil || stream.Context().Err() != nil {
			if stream, err = c.Status.WatchStatus(ctx, at); err != nil {
				return nil, err
			}
		}
		if event, err = stream.Recv(); err == nil {
			at.Start = &v1.WatchStatusRequest_Cursor{Cursor: event.Cursor}
		}
		return event, err
	}
	event, err := repeat(ctx, c, at, "", receive) // "now" is this moment from here on, although the connection breaks
	if err != nil {
		return nil, err
	}
	return func() (*v1.WatchStatusResponse, error) {
		for event.GetMessage() == nil && event.GetService() == nil && !(heartbeats && event.GetHeartbeat() != nil) {
			if event, err = repeat(ctx, c, at, "", receive); err != nil {
				return nil, err
			}
		}
		defer func() { event = nil }()
		return event, nil
	}, nil
}

func repeat[T any](ctx context.Context, c *Client, request proto.Message, requestID string, call func() (T, error)) (T, error) {
	for try := 1.0; ; try++ {
		answer, err := call()
		if err == nil {
			return answer, nil
		}
		failed := FromError(err)
		failed.RequestID = requestID
		_, unencoded := proto.Marshal(request) // which gRPC calls INTERNAL, as what a repeat may mend
		wait := failed.RetryDelay + time.Duration(rand.Float64()*math.Min(0.1*math.Exp2(try), 5)*float64(time.Second))
		deadline, bounded := ctx.Deadline()
		late := bounded && time.Now().Add(wait).After(deadline) || c.GetState().String() == "SHUTDOWN"
		if late || unencoded != nil || ctx.Err() != nil || failed.RetryDelay == 0 && (failed.Reason != "" || !lost[failed.Code().String()]) {
			return answer, failed
		}
		pause, done := context.WithTimeout(ctx, wait)
		<-pause.Done() // where the context has ended, the next call says so
		done()
	}
}

type headers map[string]string

func (headers) RequireTransportSecurity() bool { return false }
func (h headers) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return h, nil
}
