//! What tests ask of the house again and again.

use mailwright::rpc::proto::v1::{self, MessageState, ServiceState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET};
use tonic::Status;

use super::browser;
use super::harness::House;

pub const ADELE: &str = "adele@contoso.com";
pub const ALEX: &str = "alex@contoso.com";
pub const NOREPLY: &str = "noreply@contoso.com";

impl House {
    /// Microsoft's settings for a mailbox at the sandbox, through the multi-tenant application.
    pub fn service(&self, email: &str) -> v1::Service {
        v1::Service {
            display_name: format!("Mail of {email}"),
            smtp: Some(v1::Smtp {
                host: "localhost".into(),
                port: self.sandbox.smtp_addr().port().into(),
                tls: v1::TlsMode::Starttls.into(),
            }),
            sender: Some(v1::Sender {
                address: email.into(),
                ..v1::Sender::default()
            }),
            auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                provider: v1::Provider::Microsoft.into(),
                login_email: email.into(),
                client_id: CLIENT_ID.into(),
                client_secret: CLIENT_SECRET.into(),
                ..v1::OAuth2::default()
            }))),
            // A manual clock stands still, and the pace of a minute with it.
            delivery: Some(v1::Delivery {
                messages_per_minute: Some(100_000),
                ..v1::Delivery::default()
            }),
            ..v1::Service::default()
        }
    }

    pub async fn try_create(&self, id: &str, service: v1::Service) -> Result<v1::Service, Status> {
        let request = v1::CreateServiceRequest {
            service_id: id.into(),
            service: Some(service),
        };
        let answer = self.admin().create_service(request).await?;
        Ok(answer.into_inner().service.unwrap())
    }

    pub async fn create(&self, id: &str, service: v1::Service) -> v1::Service {
        self.try_create(id, service).await.unwrap()
    }

    pub async fn get(&self, id: &str) -> v1::Service {
        let request = v1::GetServiceRequest {
            service_id: id.into(),
        };
        let answer = self.admin().get_service(request).await.unwrap();
        answer.into_inner().service.unwrap()
    }

    pub async fn update(
        &self,
        service: v1::Service,
        paths: &[&str],
    ) -> Result<v1::Service, Status> {
        let request = v1::UpdateServiceRequest {
            service: Some(service),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let answer = self.admin().update_service(request).await?;
        Ok(answer.into_inner().service.unwrap())
    }

    pub async fn suspend(&self, id: &str) -> v1::Service {
        let request = v1::SuspendServiceRequest {
            service_id: id.into(),
        };
        let answer = self.admin().suspend_service(request).await.unwrap();
        answer.into_inner().service.unwrap()
    }

    pub async fn resume(&self, id: &str) -> v1::Service {
        let request = v1::ResumeServiceRequest {
            service_id: id.into(),
        };
        let answer = self.admin().resume_service(request).await.unwrap();
        answer.into_inner().service.unwrap()
    }

    pub async fn begin(&self, id: &str) -> v1::BeginAuthorizeResponse {
        let request = v1::BeginAuthorizeRequest {
            service_id: id.into(),
            return_url: String::new(),
        };
        let answer = self.admin().begin_authorize(request).await.unwrap();
        answer.into_inner()
    }

    /// Begins an authorization, consents as `account` and gives where the browser is sent.
    pub async fn consent(&self, id: &str, account: &str) -> String {
        let begun = self.begin(id).await;
        browser::decide(&begun.authorization_url, account, "accept").await
    }

    /// The whole way of a browser through an authorization; the callback page at its end.
    pub async fn authorize(&self, id: &str, account: &str) -> browser::Page {
        browser::get(&self.consent(id, account).await).await
    }

    pub async fn test(&self, id: &str, to: &str) -> v1::SendTestResponse {
        let request = v1::SendTestRequest {
            service_id: id.into(),
            to: to.into(),
        };
        self.admin().send_test(request).await.unwrap().into_inner()
    }

    /// Created, authorized by its own mailbox, and tested.
    pub async fn ready(&self, id: &str, service: v1::Service) -> v1::Service {
        let created = self.create(id, service).await;
        let Some(v1::service::Auth::Oauth2(oauth2)) = created.auth else {
            panic!("nothing to authorize")
        };
        let who = match oauth2.consent_email.as_str() {
            "" => oauth2.login_email.as_str(),
            email => email,
        };
        let page = self.authorize(id, who).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let test = self.test(id, ALEX).await;
        assert!(test.passed, "{test:?}");
        let service = self.get(id).await;
        assert_eq!(service.state(), ServiceState::Ready);
        service
    }

    /// The service "adele", ready to send.
    pub async fn ready_service(&self) -> v1::Service {
        self.ready("adele", self.service(ADELE)).await
    }

    pub async fn try_send(&self, request: v1::SendRequest) -> Result<v1::SendResponse, Status> {
        Ok(self.mail().send(request).await?.into_inner())
    }

    pub async fn send(&self, request: v1::SendRequest) -> v1::SendResponse {
        self.try_send(request).await.unwrap()
    }

    /// Sends a small text by "adele" to these recipients.
    pub async fn mail_to(&self, to: &[&str]) -> v1::SendResponse {
        self.send(text_to(to)).await
    }

    pub async fn message(&self, id: &str) -> v1::Message {
        let request = v1::GetMessageRequest {
            message_id: id.into(),
        };
        let answer = self.mail().get_message(request).await.unwrap();
        answer.into_inner().message.unwrap()
    }

    /// The message, as soon as it is in this state.
    pub async fn message_in(&self, id: &str, state: MessageState) -> v1::Message {
        let message = self.message(id).await;
        if message.state() != state {
            let mut feed = self.watch(&message.cursor).await;
            feed.message(id, state).await;
        }
        self.message(id).await
    }

    /// Sends, waits until the first attempt has ended and the message is queued again, and gives it
    /// as it is then.
    pub async fn deferred(&self, request: v1::SendRequest) -> v1::Message {
        let sent = self.send(request).await;
        let mut feed = self.watch(&sent.cursor).await;
        feed.message(&sent.message_id, MessageState::Sending).await;
        feed.message(&sent.message_id, MessageState::Queued).await;
        self.message(&sent.message_id).await
    }

    /// Moves the clock to the message's next attempt, and gives it when it is queued once more.
    pub async fn deferred_again(&self, message: &v1::Message) -> v1::Message {
        let mut feed = self.watch(&message.cursor).await;
        self.advance_to(message.next_attempt_time.expect("it is queued"));
        feed.message(&message.message_id, MessageState::Sending)
            .await;
        feed.message(&message.message_id, MessageState::Queued)
            .await;
        self.message(&message.message_id).await
    }

    /// Moves the clock to the message's next attempt, and gives it when it has ended in `state`.
    pub async fn next_attempt(&self, message: &v1::Message, state: MessageState) -> v1::Message {
        self.advance_to(message.next_attempt_time.expect("it is queued"));
        self.message_in(&message.message_id, state).await
    }

    /// The service, as soon as it is in this state.
    pub async fn service_in(&self, id: &str, state: ServiceState) -> v1::Service {
        let mut feed = self.watch_from(v1::WatchPosition::Now).await;
        let found = self.get(id).await;
        if found.state() == state {
            return found;
        }
        feed.service(id, state).await
    }
}

pub fn addresses(all: &[&str]) -> Vec<v1::Address> {
    all.iter()
        .map(|address| v1::Address {
            address: (*address).to_owned(),
            name: String::new(),
        })
        .collect()
}

pub fn text_email(to: &[&str]) -> v1::Email {
    v1::Email {
        to: addresses(to),
        subject: "Hello".into(),
        text_body: "Text\r\n".into(),
        ..v1::Email::default()
    }
}

/// A small text by the service "adele".
pub fn text_to(to: &[&str]) -> v1::SendRequest {
    request(text_email(to))
}

/// This email by the service "adele".
pub fn request(email: v1::Email) -> v1::SendRequest {
    v1::SendRequest {
        service_id: "adele".into(),
        content: Some(v1::send_request::Content::Email(Box::new(email))),
        ..v1::SendRequest::default()
    }
}

/// The OAuth2 settings of a service.
pub fn oauth2(service: &mut v1::Service) -> &mut v1::OAuth2 {
    match service.auth.as_mut() {
        Some(v1::service::Auth::Oauth2(oauth2)) => oauth2,
        other => panic!("no OAuth2: {other:?}"),
    }
}
