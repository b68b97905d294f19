//! What a key sees: its services, their messages and their events, as if there were no others.

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::{self, Role, WatchPosition};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::access::{DENIED, get};
use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, request, text_email, text_to};
use super::watch::from;

impl House {
    /// Two services that can send, each with a message; their ids.
    async fn two_services(&self) -> [String; 2] {
        self.ready("adele", self.service(ADELE)).await;
        self.ready("alex", self.service(ALEX)).await;
        let mut ids = Vec::new();
        for service in ["adele", "alex"] {
            let send = v1::SendRequest {
                service_id: service.into(),
                ..request(text_email(&["diego@contoso.com"]))
            };
            ids.push(self.send(send).await.message_id);
        }
        ids.try_into().unwrap()
    }
}

fn message(id: &str) -> v1::GetMessageRequest {
    v1::GetMessageRequest {
        message_id: id.into(),
    }
}

#[test]
fn a_key_sees_its_services_and_their_messages_and_no_others() {
    run(async {
        let house = House::start().await;
        let [own, other] = house.two_services().await;
        let (connection, _) = house.key(&[Role::Sender], &["adele"]).await;
        let mut admin = AdminApiClient::new(connection.clone());
        let mut mail = MailApiClient::new(connection.clone());

        assert!(admin.get_service(get("adele")).await.is_ok());
        let hidden = refused(
            admin.get_service(get("alex")).await,
            Code::NotFound,
            "SERVICE_NOT_FOUND",
        );
        let none = refused(
            admin.get_service(get("none")).await,
            Code::NotFound,
            "SERVICE_NOT_FOUND",
        );
        assert_eq!(hidden.message.replace("alex", "none"), none.message);
        let all = v1::ListServicesRequest::default();
        let listed = admin.list_services(all).await.unwrap().into_inner();
        let ids: Vec<_> = listed.services.iter().map(|s| &s.service_id).collect();
        assert_eq!(ids, ["adele"]);

        assert!(mail.get_message(message(&own)).await.is_ok());
        for id in [&other, "00000000000000000000000000"] {
            let text = |message: String| message.replace(id, "it");
            let got = refused(
                mail.get_message(message(id)).await,
                Code::NotFound,
                "MESSAGE_NOT_FOUND",
            );
            let cancel = v1::CancelMessageRequest {
                message_id: id.to_owned(),
            };
            let cancelled = refused(
                mail.cancel_message(cancel).await,
                Code::NotFound,
                "MESSAGE_NOT_FOUND",
            );
            let retry = v1::RetryMessageRequest {
                message_id: id.to_owned(),
                ..Default::default()
            };
            let retried = refused(
                mail.retry_message(retry).await,
                Code::NotFound,
                "MESSAGE_NOT_FOUND",
            );
            let resolve = v1::ResolveMessageRequest {
                message_id: id.to_owned(),
                resolution: v1::Resolution::Sent.into(),
            };
            let resolved = refused(
                mail.resolve_message(resolve).await,
                Code::NotFound,
                "MESSAGE_NOT_FOUND",
            );
            for fault in [got, cancelled, retried, resolved] {
                assert_eq!(text(fault.message), "there is no message \"it\"");
            }
        }
        let all = v1::ListMessagesRequest::default();
        let listed = mail.list_messages(all).await.unwrap().into_inner();
        let services: Vec<_> = listed.messages.iter().map(|m| &m.service_id).collect();
        assert!(services.iter().all(|id| *id == "adele") && !services.is_empty());
        let named = v1::ListMessagesRequest {
            service_ids: vec!["alex".into()],
            ..Default::default()
        };
        refused(mail.list_messages(named).await, DENIED.0, DENIED.1);
    });
}

#[test]
fn a_key_sends_through_its_services_alone() {
    run(async {
        let house = House::start().await;
        house.ready("adele", house.service(ADELE)).await;
        let (connection, _) = house.key(&[Role::Sender], &["adele"]).await;
        let mut mail = MailApiClient::new(connection.clone());
        let send = |id: &str| v1::SendRequest {
            service_id: id.into(),
            ..text_to(&[ALEX])
        };
        assert!(mail.send(send("adele")).await.is_ok());
        // Whether there is such a service or not.
        for id in ["alex", "none"] {
            refused(mail.send(send(id)).await, DENIED.0, DENIED.1);
        }
        let (sender, requests) = mpsc::channel(4);
        let mut answers = mail
            .send_stream(ReceiverStream::new(requests))
            .await
            .unwrap()
            .into_inner();
        for id in ["adele", "alex"] {
            let request = v1::SendStreamRequest {
                tag: id.into(),
                request: Some(send(id)),
            };
            sender.send(request).await.unwrap();
            let answer = answers.message().await.unwrap().unwrap();
            assert_eq!(answer.tag, id);
            match answer.result.unwrap() {
                v1::send_stream_response::Result::Accepted(_) => assert_eq!(id, "adele"),
                v1::send_stream_response::Result::Error(error) => {
                    assert_eq!((id, error.code), ("alex", DENIED.0 as i32));
                }
            }
        }
    });
}

#[test]
fn a_key_watches_its_services_alone() {
    run(async {
        let house = House::start().await;
        let ids = house.two_services().await;
        house.message_in(&ids[1], v1::MessageState::Sent).await;
        let (connection, _) = house.key(&[Role::Watcher], &["adele"]).await;
        let mut status = StatusApiClient::new(connection);
        let named = v1::WatchStatusRequest {
            service_ids: vec!["alex".into()],
            ..Default::default()
        };
        refused(status.watch_status(named).await, DENIED.0, DENIED.1);
        let all = from(WatchPosition::Oldest);
        let mut feed = status.watch_status(all).await.unwrap().into_inner();
        let mut seen = 0;
        // The first heartbeat says that all that was kept has been told.
        loop {
            use v1::watch_status_response::Event;
            match feed.message().await.unwrap().unwrap().event.unwrap() {
                Event::Message(event) => {
                    assert_eq!(event.message.unwrap().service_id, "adele");
                    seen += 1;
                }
                Event::Service(event) => assert_eq!(event.service.unwrap().service_id, "adele"),
                Event::Heartbeat(_) => break,
            }
        }
        assert!(seen > 0);
    });
}
