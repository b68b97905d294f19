// Sends and watches without a pause until it is told to stop, for tests that restart a server under it.
//
// Arguments and output are those of clients/python/conformance/load.py.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	mailwright "github.com/mailwright/mailwright/clients/go"
	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

const senders = 4

// Accepted messages whose end has not been told: more are sent when it has.
const underWayMax = 32

type load struct {
	client *mailwright.Client
	// What request ids begin with.
	name string

	mutex           sync.Mutex
	stopping        bool
	changed         *sync.Cond
	accepted, ended map[string]bool
}

func main() {
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(os.Args[3])
	check(err)
	pool.AppendCertsFromPEM(pem)
	trust := grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool}))
	client, err := mailwright.New(os.Args[1], os.Args[2], trust)
	check(err)
	l := &load{client: client, name: os.Args[4], accepted: map[string]bool{}, ended: map[string]bool{}}
	l.changed = sync.NewCond(&l.mutex)
	l.run()
}

func (l *load) run() {
	ctx, cancel := context.WithCancel(context.Background())
	kinds := []v1.EventKind{v1.EventKind_EVENT_KIND_MESSAGE}
	next, err := l.client.Watch(ctx, &v1.WatchStatusRequest{Kinds: kinds}, false)
	check(err)
	var sending, watching sync.WaitGroup
	watching.Add(1)
	go func() { defer watching.Done(); l.watch(ctx, next) }()
	for n := 0; n < senders; n++ {
		sending.Add(1)
		go func(n int) { defer sending.Done(); l.send(n) }(n)
	}
	_, err = io.ReadAll(os.Stdin)
	check(err)
	l.mutex.Lock()
	l.stopping = true
	l.changed.Broadcast()
	l.mutex.Unlock()
	sending.Wait()
	l.mutex.Lock()
	for l.underWay() > 0 {
		l.changed.Wait()
	}
	l.mutex.Unlock()
	cancel()
	watching.Wait()
}

func (l *load) send(sender int) {
	for n := 0; ; n++ {
		l.mutex.Lock()
		for !l.stopping && l.underWay() >= underWayMax {
			l.changed.Wait()
		}
		stopping := l.stopping
		l.mutex.Unlock()
		if stopping {
			return
		}
		id := fmt.Sprintf("%s-%d-%d", l.name, sender, n)
		email := &v1.Email{To: []*v1.Address{{Address: "alex@contoso.com"}}, Subject: id, TextBody: "Hello."}
		request := &v1.SendRequest{ServiceId: "billing", RequestId: id, Content: &v1.SendRequest_Email{Email: email}}
		sent, err := l.client.Send(context.Background(), request)
		if err != nil {
			l.say(map[string]string{"failed": "send: " + err.Error()})
			return
		}
		l.say(map[string]string{"sent": id, "message_id": sent.MessageId})
		l.mutex.Lock()
		l.accepted[sent.MessageId] = true
		l.mutex.Unlock()
	}
}

func (l *load) watch(ctx context.Context, next func() (*v1.WatchStatusResponse, error)) {
	for {
		event, err := next()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.say(map[string]string{"failed": "watch: " + err.Error()})
			return
		}
		message := event.GetMessage().GetMessage()
		l.say(map[string]string{"event": message.GetMessageId(), "state": message.GetState().String(), "cursor": event.Cursor})
		if message.GetEndTime() != nil {
			l.mutex.Lock()
			l.ended[message.MessageId] = true
			l.changed.Broadcast()
			l.mutex.Unlock()
		}
	}
}

func (l *load) underWay() (count int) {
	for id := range l.accepted {
		if !l.ended[id] {
			count++
		}
	}
	return count
}

func (l *load) say(line map[string]string) {
	text, err := json.Marshal(line)
	check(err)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Println(string(text))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
