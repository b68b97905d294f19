package mailwright

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

// Error is a call that failed. Reason is for programs, the rest is for people.
type Error struct {
	Code    codes.Code
	Message string
	// Reason is a value of mailwrightv1.Reason without its prefix ("OUTBOX_FULL"), or empty where no
	// answer came from the server.
	Reason string
	// Remedy says what to do, Link is the provider's page, ProviderCode its own code ("AADSTS7000222").
	Remedy, Link, ProviderCode string
	// Violations are the fields that are wrong.
	Violations []Violation
	// RetryDelay is how long the server asks to wait; nil where a repeat doesn't help.
	RetryDelay *time.Duration
	// RequestID is the one that Send used: with it, the same request can be repeated safely.
	RequestID string

	cause error
}

// Violation is a field that is wrong, by its path in the request.
type Violation struct{ Field, Description string }

func (e *Error) Error() string {
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	return strings.TrimSpace(name + ": " + e.Message + " " + e.Link)
}

// Unwrap gives the gRPC error, so that status.Code and errors.Is keep their meaning.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus is what status.FromError looks for.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// FromError reads a failure of a generated stub; nil where there is none.
func FromError(err error) *Error {
	if err == nil {
		return nil
	}
	if known, ok := err.(*Error); ok {
		return known
	}
	said, ok := status.FromError(err)
	if !ok {
		said = status.FromContextError(err)
	}
	e := &Error{Code: said.Code(), Message: said.Message(), cause: err}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Remedy, e.ProviderCode = detail.Reason, detail.Metadata["remedy"], detail.Metadata["provider_code"]
		case *errdetails.Help:
			for _, link := range detail.Links {
				e.Link = link.Url
			}
		case *errdetails.BadRequest:
			for _, at := range detail.FieldViolations {
				e.Violations = append(e.Violations, Violation{at.Field, at.Description})
			}
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			e.RetryDelay = &delay
		}
	}
	return e
}

// FromSendError reads an answer of SendStream that refuses its message.
func FromSendError(refused *v1.SendError) *Error {
	said := refused.GetDiagnosis()
	e := &Error{
		Code:         codes.Code(refused.Code),
		Message:      said.GetSummary(),
		Reason:       strings.TrimPrefix(v1.Reason_name[int32(said.GetReason())], "REASON_"),
		Remedy:       said.GetRemedy(),
		Link:         said.GetHelpUrl(),
		ProviderCode: said.GetProviderCode(),
	}
	for _, at := range refused.Violations {
		e.Violations = append(e.Violations, Violation{at.Field, at.Description})
	}
	if refused.RetryDelay != nil {
		delay := refused.RetryDelay.AsDuration()
		e.RetryDelay = &delay
	}
	return e
}

// Retryable tells whether the same call may succeed later, if it is one that may be repeated.
func (e *Error) Retryable() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.ResourceExhausted:
		return e.RetryDelay != nil
	case codes.Canceled, codes.Internal, codes.Unknown:
		// So a connection or a proxy fails; where the server itself says one, it says a reason too.
		return e.Reason == ""
	}
	return false
}

const (
	firstBound, lastBound = 100 * time.Millisecond, 5 * time.Second
	firstPatience         = 10 * time.Second
)

// backoff tells how long to wait between tries of one call: full jitter, and never less than the
// server asks.
type backoff struct {
	bound    time.Duration
	patience time.Duration // how long one try may take
}

func newBackoff() *backoff { return &backoff{bound: firstBound, patience: firstPatience} }

// after gives the wait until the next try; false where there is none.
func (b *backoff) after(e *Error) (time.Duration, bool) {
	if !e.Retryable() {
		return 0, false
	}
	if e.Code == codes.DeadlineExceeded {
		b.patience *= 2
	}
	if b.bound *= 2; b.bound > lastBound {
		b.bound = lastBound
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // without chance there is no jitter, and nothing else is lost
	wait := time.Duration(binary.BigEndian.Uint64(random[:]) % uint64(b.bound))
	if e.RetryDelay != nil {
		wait += *e.RetryDelay
	}
	return wait, true
}
