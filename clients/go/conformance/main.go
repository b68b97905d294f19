// Plays the conformance scenario with the Go client: see clients/conformance/README.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	mailwright "github.com/mailwright/mailwright/clients/go"
	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

type step struct {
	Name, Do, ID, Service, State, Ask, Cursor, Key string
	Subject                                        *string
	To                                             []string
	Attach                                         int
	InSeconds                                      int64 `json:"in_seconds"`
	Timeout, Within                                float64
	Untrusted                                      bool
}

type answer struct {
	Target, Key, State, Code, CA string
	TLSTarget                    string `json:"tls_target"`
	SMTPPort                     int32  `json:"smtp_port"`
	ClientID                     string `json:"client_id"`
	ClientSecret                 string `json:"client_secret"`
	Times                        int
}

var driver = bufio.NewReader(os.Stdin)

// ask says a line to the driver and reads its line.
func ask(do string, fields map[string]any) (back answer) {
	if fields == nil {
		fields = map[string]any{}
	}
	fields["do"] = do
	line := must(json.Marshal(fields))
	fmt.Println(string(line))
	check(json.Unmarshal(must(driver.ReadBytes('\n')), &back))
	return back
}

type runner struct {
	world  answer
	client *mailwright.Client
	sent   map[string]*v1.SendResponse
}

func main() {
	var scenario struct{ Steps []step }
	check(json.Unmarshal(must(os.ReadFile(os.Args[1])), &scenario))
	r := &runner{world: ask("start", nil), sent: map[string]*v1.SendResponse{}}
	r.client = r.connect()
	var results []string
	for _, s := range scenario.Steps {
		outcome, err := r.play(s)
		if err != nil {
			outcome = failure(err)
		}
		results = append(results, outcome)
		fmt.Fprintf(os.Stderr, "%s: %s\n", s.Name, outcome)
	}
	ask("report", map[string]any{"results": results})
}

func (r *runner) play(s step) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	steps := map[string]func(context.Context, step) (string, error){
		"create": r.create, "authorize": r.authorize, "test": r.test, "send": r.send, "send_as": r.sendAs, "send_tls": r.sendTLS, "watch_frozen": r.watchFrozen, "send_unnamed": r.sendUnnamed,
		"end": r.end, "until": r.until, "cancel": r.cancel, "ask": r.ask, "watch": r.watch, "send_through": r.sendThrough,
		"arrived": r.arrived, "cancel_send": r.cancelSend, "cancel_watch": r.cancelWatch, "fill": r.fill,
		"watch_from": r.watchFrom, "new_store": r.newStore,
	}
	return steps[s.Do](ctx, s)
}

func (r *runner) connect() *mailwright.Client {
	return must(mailwright.New(r.world.Target, r.world.Key, grpc.WithTransportCredentials(insecure.NewCredentials())))
}

func (r *runner) create(ctx context.Context, _ step) (string, error) {
	perMinute, perDay := int32(100_000), int32(1_000_000)
	service := &v1.Service{
		DisplayName: "Billing",
		Smtp:        &v1.Smtp{Host: "localhost", Port: r.world.SMTPPort},
		Sender:      &v1.Sender{Address: "adele@contoso.com", Name: "Contoso Billing"},
		Auth: &v1.Service_Oauth2{Oauth2: &v1.OAuth2{
			Provider:     v1.Provider_PROVIDER_MICROSOFT,
			LoginEmail:   "adele@contoso.com",
			ClientId:     r.world.ClientID,
			ClientSecret: r.world.ClientSecret,
		}},
		Delivery: &v1.Delivery{MessagesPerMinute: &perMinute, RecipientsPerDay: &perDay},
	}
	created, err := r.client.Admin.CreateService(ctx, &v1.CreateServiceRequest{ServiceId: "billing", Service: service})
	return serviceState(created.GetService()), err
}

func (r *runner) authorize(ctx context.Context, _ step) (string, error) {
	begun, err := r.client.Admin.BeginAuthorize(ctx, &v1.BeginAuthorizeRequest{ServiceId: "billing"})
	if err != nil {
		return "", err
	}
	back := ask("consent", map[string]any{"url": begun.AuthorizationUrl})
	done, err := r.client.Admin.CompleteAuthorize(ctx, &v1.CompleteAuthorizeRequest{State: back.State, Code: back.Code})
	return serviceState(done.GetService()), err
}

func (r *runner) test(ctx context.Context, s step) (string, error) {
	tested, err := r.client.Admin.SendTest(ctx, &v1.SendTestRequest{ServiceId: "billing", To: s.To[0]})
	if err != nil {
		return "", err
	}
	outcome := "failed"
	if tested.Passed {
		outcome = "passed"
	}
	read, err := r.client.Admin.GetService(ctx, &v1.GetServiceRequest{ServiceId: "billing"})
	return outcome + ", " + serviceState(read.GetService()), err
}

func (r *runner) request(s step, id string) *v1.SendRequest {
	email := &v1.Email{Subject: id, TextBody: "Hello."}
	for _, address := range s.To {
		email.To = append(email.To, &v1.Address{Address: address})
	}
	if s.Subject != nil {
		email.Subject = *s.Subject
	}
	if s.Attach > 0 {
		content := bytes.Repeat([]byte("x"), s.Attach)
		email.Attachments = []*v1.Attachment{{Filename: "large.bin", Content: content}}
	}
	request := &v1.SendRequest{ServiceId: "billing", RequestId: id, Content: &v1.SendRequest_Email{Email: email}}
	if s.Service != "" {
		request.ServiceId = s.Service
	}
	if s.InSeconds > 0 {
		request.SendTime = timestamppb.New(time.Now().Add(time.Duration(s.InSeconds) * time.Second))
	}
	return request
}

func (r *runner) send(ctx context.Context, s step) (string, error) {
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.Timeout*float64(time.Second)))
		defer cancel()
	}
	sent, err := r.client.Send(ctx, r.request(s, s.ID))
	if err != nil {
		return "", err
	}
	r.sent[s.ID] = sent
	parts := []string{state(sent.State)}
	if sent.Deduplicated {
		parts = append(parts, "deduplicated")
	}
	if sent.Problem != nil {
		parts = append(parts, reason(sent.Problem))
	}
	return strings.Join(parts, ", "), nil
}

// sealed connects by TLS, and trusts the driver's authority or nobody.
func (r *runner) sealed(trusting bool) *mailwright.Client {
	roots := x509.NewCertPool()
	if trusting {
		roots.AppendCertsFromPEM(must(os.ReadFile(r.world.CA)))
	}
	trust := grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots}))
	return must(mailwright.New(r.world.TLSTarget, r.world.Key, trust))
}

func (r *runner) sendAs(ctx context.Context, s step) (string, error) {
	other := *r
	other.world.Key = s.Key
	other.client = other.connect()
	defer other.client.Close()
	return other.send(ctx, s)
}

func (r *runner) sendTLS(ctx context.Context, s step) (string, error) {
	other := *r
	other.client = r.sealed(!s.Untrusted)
	defer other.client.Close()
	return other.send(ctx, s)
}

func (r *runner) watchFrozen(ctx context.Context, s step) (string, error) {
	sealed := r.sealed(true)
	defer sealed.Close()
	next, err := sealed.Watch(ctx, &v1.WatchStatusRequest{}, false)
	if err != nil {
		return "", err
	}
	must(r.client.Send(ctx, r.request(s, s.ID+"-0")))
	must(next())
	ask("freeze", nil)
	begun := time.Now()
	awaited := must(r.client.Send(ctx, r.request(s, s.ID+"-1"))).MessageId
	for must(next()).GetMessage().GetMessage().GetMessageId() != awaited {
	}
	if time.Since(begun).Seconds() < s.Within {
		return "noticed", nil
	}
	return "late", nil
}

func (r *runner) sendUnnamed(ctx context.Context, s step) (string, error) {
	ids, named := map[string]bool{}, "named"
	for i := 0; i < 2; i++ {
		sent, err := r.client.Send(ctx, r.request(s, ""))
		if err != nil {
			return "", err
		}
		read, err := r.client.Mail.GetMessage(ctx, &v1.GetMessageRequest{MessageId: sent.MessageId})
		if err != nil {
			return "", err
		}
		if read.Message.RequestId == "" {
			named = "unnamed"
		}
		ids[sent.MessageId] = true
	}
	return fmt.Sprintf("%d messages, %s", len(ids), named), nil
}

// message follows one message from its Send on.
func (r *runner) message(ctx context.Context, id string, until func(*v1.Message) bool) (*v1.Message, error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := r.sent[id]
	next, err := r.client.Watch(watching, &v1.WatchStatusRequest{
		Start:      &v1.WatchStatusRequest_Cursor{Cursor: sent.Cursor},
		MessageIds: []string{sent.MessageId},
	}, false)
	if err != nil {
		return nil, err
	}
	for {
		event, err := next()
		if err != nil {
			return nil, err
		}
		if until(event.GetMessage().GetMessage()) {
			break
		}
	}
	read, err := r.client.Mail.GetMessage(ctx, &v1.GetMessageRequest{MessageId: sent.MessageId})
	return read.GetMessage(), err
}

func ended(message *v1.Message) bool { return message.EndTime != nil }

func (r *runner) end(ctx context.Context, s step) (string, error) {
	message, err := r.message(ctx, s.ID, ended)
	if err != nil {
		return "", err
	}
	parts := []string{state(message.State)}
	for _, recipient := range message.Recipients {
		outcome := strings.TrimPrefix(recipient.Outcome.String(), "RECIPIENT_OUTCOME_")
		part := recipient.Address + " " + outcome
		if recipient.Diagnosis != nil {
			part += " " + reason(recipient.Diagnosis)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; "), nil
}

func (r *runner) until(ctx context.Context, s step) (string, error) {
	message, err := r.message(ctx, s.ID, func(m *v1.Message) bool { return state(m.State) == s.State && m.Problem != nil })
	if err != nil {
		return "", err
	}
	return state(message.State) + " " + reason(message.Problem), nil
}

func (r *runner) cancel(ctx context.Context, s step) (string, error) {
	cancelled, err := r.client.Mail.CancelMessage(ctx, &v1.CancelMessageRequest{MessageId: r.sent[s.ID].MessageId})
	return state(cancelled.GetMessage().GetState()), err
}

func (r *runner) ask(_ context.Context, s step) (string, error) {
	ask(s.Ask, nil)
	return "done", nil
}

// watch sends three messages before the server goes, three after it is back, and watches through it.
func (r *runner) watch(ctx context.Context, s step) (string, error) {
	kinds := []v1.EventKind{v1.EventKind_EVENT_KIND_MESSAGE}
	next, err := r.client.Watch(ctx, &v1.WatchStatusRequest{Kinds: kinds}, false)
	if err != nil {
		return "", err
	}
	send := func(from, to int) {
		for i := from; i < to; i++ {
			must(r.client.Send(ctx, r.request(s, fmt.Sprintf("%s-%d", s.ID, i))))
		}
	}
	send(0, 3)
	cursors, fresh, twice, sent := map[string]bool{}, 0, 0, 0
	for sent < 6 {
		event, err := next()
		if err != nil {
			return "", err
		}
		if len(cursors) == 0 {
			ask(s.Ask, nil)
			send(3, 6)
		}
		if cursors[event.Cursor] {
			twice++
		}
		cursors[event.Cursor] = true
		if event.GetMessage().PreviousState == v1.MessageState_MESSAGE_STATE_UNSPECIFIED {
			fresh++
		}
		if event.GetMessage().Message.State == v1.MessageState_MESSAGE_STATE_SENT {
			sent++
		}
	}
	return fmt.Sprintf("%d new, %d SENT, %d twice", fresh, sent, twice), nil
}

// background calls it beside us; what it gives back waits for the outcome.
func background(call func() (string, error)) func() (string, error) {
	type outcome struct {
		text string
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		text, err := call()
		done <- outcome{text, err}
	}()
	return func() (string, error) { o := <-done; return o.text, o.err }
}

func (r *runner) sendThrough(ctx context.Context, s step) (string, error) {
	ask("stop", nil)
	join := background(func() (string, error) { return r.send(ctx, s) })
	ask("serve", nil)
	return join()
}

func (r *runner) arrived(ctx context.Context, s step) (string, error) {
	message, err := r.message(ctx, s.ID, ended)
	if err != nil {
		return "", err
	}
	times, copies := ask("arrived", map[string]any{"subject": s.ID}).Times, "copies"
	if times == 1 {
		copies = "copy"
	}
	return fmt.Sprintf("%s; %d %s", state(message.State), times, copies), nil
}

func (r *runner) cancelSend(ctx context.Context, s step) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	join := background(func() (string, error) { return r.send(ctx, s) })
	time.Sleep(300 * time.Millisecond)
	cancel()
	return join()
}

func (r *runner) cancelWatch(ctx context.Context, s step) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	join := background(func() (string, error) { return r.watchFrom(ctx, step{Cursor: r.sent[s.ID].Cursor}) })
	time.Sleep(300 * time.Millisecond)
	cancel()
	return join()
}

func (r *runner) fill(ctx context.Context, s step) (string, error) {
	if _, err := r.client.Admin.SuspendService(ctx, &v1.SuspendServiceRequest{ServiceId: "billing"}); err != nil {
		return "", err
	}
	held, one := 0, s
	for {
		one.ID = fmt.Sprintf("%s-%d", s.ID, held)
		if _, err := r.send(ctx, one); err != nil {
			_, resumed := r.client.Admin.ResumeService(ctx, &v1.ResumeServiceRequest{ServiceId: "billing"})
			return fmt.Sprintf("%d HELD, then %s", held, failure(err)), resumed
		}
		held++
	}
}

func (r *runner) watchFrom(ctx context.Context, s step) (string, error) {
	next, err := r.client.Watch(ctx, &v1.WatchStatusRequest{Start: &v1.WatchStatusRequest_Cursor{Cursor: s.Cursor}}, false)
	if err == nil {
		_, err = next()
	}
	return "an event", err
}

func (r *runner) newStore(ctx context.Context, _ step) (string, error) {
	info, err := r.client.Admin.GetServerInfo(ctx, &v1.GetServerInfoRequest{})
	if err != nil {
		return "", err
	}
	r.world.Key = ask("new_store", nil).Key
	r.client = r.connect()
	return r.watchFrom(ctx, step{Cursor: info.NewestCursor})
}

func failure(err error) string {
	var e *mailwright.Error
	if !errors.As(err, &e) {
		e = mailwright.FromError(err)
	}
	parts := []string{strings.TrimSpace(code.Code(e.Code()).String() + " " + e.Reason)}
	if e.Remedy != "" {
		parts = append(parts, "remedy")
	}
	if e.Link != "" {
		parts = append(parts, "link")
	}
	if e.RetryDelay != 0 {
		parts = append(parts, "retry")
	}
	var fields []string
	for _, at := range e.Violations {
		fields = append(fields, at.Field)
	}
	if len(fields) > 0 {
		parts = append(parts, strings.Join(fields, " "))
	}
	return strings.Join(parts, ", ")
}

func state(s v1.MessageState) string { return strings.TrimPrefix(s.String(), "MESSAGE_STATE_") }

func serviceState(s *v1.Service) string {
	return strings.TrimPrefix(s.GetState().String(), "SERVICE_STATE_")
}

func reason(d *v1.Diagnosis) string { return strings.TrimPrefix(d.GetReason().String(), "REASON_") }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
