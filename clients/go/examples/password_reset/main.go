// Sends a password reset, waits until it is SENT, or explains why not.
//
//	go run ./examples/password_reset 127.0.0.1:50051 billing alex@contoso.com
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	mailwright "github.com/mailwright/mailwright/clients/go"
	v1 "github.com/mailwright/mailwright/clients/go/mailwrightv1"
)

func main() {
	target, service, to := os.Args[1], os.Args[2], os.Args[3]
	transport := credentials.NewTLS(nil)
	if strings.HasPrefix(target, "127.") || strings.HasPrefix(target, "localhost:") {
		transport = insecure.NewCredentials()
	}
	client, err := mailwright.New(target, os.Getenv("MAILWRIGHT_KEY"), grpc.WithTransportCredentials(transport))
	if err == nil {
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		err = resetPassword(ctx, client, service, to, "https://example.com/reset/3f9a")
	}
	var failed *mailwright.Error
	if errors.As(err, &failed) {
		fmt.Fprintln(os.Stderr, failed.Remedy)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func resetPassword(ctx context.Context, client *mailwright.Client, service, to, link string) error {
	email := &v1.Email{
		To:       []*v1.Address{{Address: to}},
		Subject:  "Reset your password",
		TextBody: "Open " + link + " within an hour. If you didn't ask for this, do nothing.",
	}
	sent, err := client.Send(ctx, &v1.SendRequest{
		ServiceId:  service,
		Content:    &v1.SendRequest_Email{Email: email},
		Priority:   v1.Priority_PRIORITY_HIGH,
		ExpireTime: timestamppb.New(time.Now().Add(time.Hour)), // a link that is dead helps nobody
	})
	if err != nil {
		return err
	}
	next, err := client.Watch(ctx, &v1.WatchStatusRequest{
		Start:      &v1.WatchStatusRequest_Cursor{Cursor: sent.Cursor},
		MessageIds: []string{sent.MessageId},
	}, false)
	if err != nil {
		return err
	}
	for {
		event, err := next()
		if err != nil {
			return err
		}
		message := event.GetMessage().GetMessage()
		state := strings.ToLower(strings.TrimPrefix(message.State.String(), "MESSAGE_STATE_"))
		if message.State == v1.MessageState_MESSAGE_STATE_SENT {
			fmt.Println("sent to", to)
			return nil
		}
		if why := message.Problem; why != nil {
			fmt.Println(state+":", why.Summary, why.Remedy, why.HelpUrl)
		}
		if message.EndTime != nil {
			return fmt.Errorf("the mail ended as %s", state)
		}
	}
}
