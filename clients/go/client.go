// Package mailwright is the client of Mailwright, a self-hosted email-sending service.
//
// New connects, Client.Send repeats safely, Client.Watch loses nothing, and Error says why. Messages,
// enums and stubs are in the package mailwrightv1.
package mailwright

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	_ "embed"
	"encoding/hex"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

// DefaultTimeout is how long Send goes on where its context has no deadline.
const DefaultTimeout = time.Minute

//go:embed service_config.json
var serviceConfig string

// Options say how to connect.
type Options struct {
	// Key is the access key, which travels with every call.
	Key string
	// TLS replaces the default, which trusts the system's certificates.
	TLS *tls.Config
	// Plaintext is for loopback and for meshes that encrypt.
	Plaintext bool
}

// Client is a connection to a server. Goroutines may share it.
//
// The generated stubs wait for a connection, so give each call a context with a deadline; FromError
// reads what they fail with.
type Client struct {
	Mail   v1.MailAPIClient
	Admin  v1.AdminAPIClient
	Status v1.StatusAPIClient

	// Events that are not read yet fill a connection's window, so the feed has a connection of its own.
	calls, feed *grpc.ClientConn
}

// New makes a client of the server at target, "host:port". It connects with the first call.
func New(target string, options Options) (*Client, error) {
	transport := credentials.NewTLS(options.TLS)
	if options.Plaintext {
		transport = insecure.NewCredentials()
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(48 << 20)),
		// A connection that died without a word is noticed after 40 seconds, also while nothing is sent.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	if options.Key != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer{options.Key, !options.Plaintext}))
	}
	calls, err := grpc.NewClient(target, dial...)
	if err != nil {
		return nil, err
	}
	feed, err := grpc.NewClient(target, dial...)
	if err != nil {
		return nil, err
	}
	return &Client{v1.NewMailAPIClient(calls), v1.NewAdminAPIClient(calls), v1.NewStatusAPIClient(feed), calls, feed}, nil
}

// Close ends what runs and closes the connections.
func (c *Client) Close() error {
	_ = c.feed.Close()
	return c.calls.Close()
}

// Send hands over one message and returns once the server has it on disk.
//
// It makes a RequestId where there is none and repeats the call with it until the context's deadline
// (or for DefaultTimeout), through restarts, lost answers and a full outbox: the message is accepted
// once. Its errors are of type *Error.
func (c *Client) Send(ctx context.Context, request *v1.SendRequest, options ...grpc.CallOption) (*v1.SendResponse, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	if request.GetRequestId() == "" {
		request = proto.Clone(request).(*v1.SendRequest)
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return nil, err
		}
		request.RequestId = hex.EncodeToString(id[:])
	}
	var sent *v1.SendResponse
	failed := c.repeat(ctx, func(try context.Context) (err error) {
		sent, err = c.Mail.Send(try, request, options...)
		return err
	})
	if failed != nil {
		failed.RequestID = request.RequestId
		return nil, failed
	}
	return sent, nil
}

// repeat calls until it succeeds, fails for good, or has no time left.
func (c *Client) repeat(ctx context.Context, call func(context.Context) error) *Error {
	for backoff := newBackoff(); ; {
		try, cancel := context.WithTimeout(ctx, backoff.patience)
		failed := FromError(call(try))
		cancel()
		if failed == nil {
			return nil
		}
		wait, again := backoff.after(failed)
		deadline, bounded := ctx.Deadline()
		if !again || c.closed() || bounded && time.Now().Add(wait).After(deadline) || !sleep(ctx, wait) {
			return failed
		}
	}
}

func (c *Client) closed() bool { return c.calls.GetState() == connectivity.Shutdown }

// sleep waits; false where the context ends first.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

type bearer struct {
	key    string
	secure bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.key}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.secure }
