//! RevokeAuthorization: the grant is forgotten here at once, and given back where the provider takes
//! it back.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use super::browser;
use super::callback::custom;
use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, oauth2, text_to};

impl House {
    async fn try_revoke(&self, id: &str) -> Result<v1::RevokeAuthorizationResponse, Status> {
        let request = v1::RevokeAuthorizationRequest {
            service_id: id.into(),
        };
        let answer = self.admin().revoke_authorization(request).await?;
        Ok(answer.into_inner())
    }

    /// Revokes; whether the provider did, too.
    async fn revoke(&self, id: &str) -> (v1::Service, bool) {
        let answer = self.try_revoke(id).await.unwrap();
        let service = answer.service.unwrap();
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
        assert_eq!(service.authorization, None);
        (service, answer.revoked_at_provider)
    }

    /// "custom", whose provider revokes at this endpoint, ready to send.
    async fn revocable(&self, endpoint: &str) {
        let mut service = custom(self);
        let settings = oauth2(&mut service);
        settings.custom.as_mut().unwrap().revocation_endpoint = endpoint.into();
        self.ready("custom", service).await;
    }
}

/// A revocation endpoint that gives one answer; what it was asked.
async fn endpoint(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/revoke", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !is_whole(&seen) {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(seen).unwrap()
    });
    (url, asked)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() == length.parse::<usize>().unwrap())
}

#[test]
fn a_revoked_grant_is_forgotten_and_its_mail_waits_for_a_new_one() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let (service, at_provider) = house.revoke("adele").await;
        assert!(!at_provider, "Microsoft has no endpoint for it");
        let problem = service.problem.clone().unwrap();
        assert_eq!(problem.reason(), Reason::ServiceNotAuthorized);
        // The session that the test left goes, and nobody asks for a token any more.
        house
            .control()
            .wait_until(|stats| stats.connections_open == 0)
            .await;
        let requests = house.control().stats().token_requests("refresh_token");
        house.advance(Duration::from_secs(3_600));
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);
        assert_eq!(held.problem.unwrap().reason(), Reason::ServiceNotAuthorized);

        // Again, there is nothing to forget, and it is no news.
        let newest = house.info().await.newest_cursor;
        let (again, at_provider) = house.revoke("adele").await;
        assert_eq!((again.etag, at_provider), (service.etag, false));
        assert_eq!(house.info().await.newest_cursor, newest);
        let stats = house.control().stats();
        assert_eq!(stats.token_requests("refresh_token"), requests);

        let page = house.authorize("adele", ADELE).await;
        assert_eq!(page.status, 200, "{}", page.body);
        house.message_in(&held.message_id, MessageState::Sent).await;
    });
}

#[test]
fn an_authorization_under_way_ends_with_the_grant() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let back = house.consent("adele", ADELE).await;
        house.revoke("adele").await;
        assert_eq!(browser::get(&back).await.status, 404);
        let back = house.consent("adele", ADELE).await;
        house.revoke("adele").await;
        assert_eq!(browser::get(&back).await.status, 404, "also without one");
        assert_eq!(
            house.get("adele").await.state(),
            ServiceState::PendingAuthorization
        );
    });
}

#[test]
fn a_refresh_under_way_brings_nothing_back_and_stops_no_other_service() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.ready("other", house.service(ADELE)).await;
        house.advance(Duration::from_secs(300));
        house.control().expire_access_tokens(ADELE);
        house.control().hold_token_replies(true);
        let sent = house.mail_to(&[ALEX]).await;
        house
            .control()
            .wait_until(|stats| stats.token_requests_held == 1)
            .await;
        house.revoke("adele").await;
        house.control().hold_token_replies(false);
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        assert_eq!(held.problem.unwrap().reason(), Reason::ServiceNotAuthorized);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
        assert_eq!(house.get("other").await.state(), ServiceState::Ready);
        let request = v1::SendRequest {
            service_id: "other".into(),
            ..text_to(&[ALEX])
        };
        let sent = house.send(request).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}

#[test]
fn a_provider_with_an_endpoint_gets_the_refresh_token_back() {
    run(async {
        let house = House::start().await;
        let (url, asked) = endpoint("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        house.revocable(&url).await;
        assert!(house.revoke("custom").await.1);
        let asked = asked.await.unwrap();
        let (head, form) = asked.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /revoke "), "{head}");
        let form = browser::parameters(&format!("http://localhost/?{form}"));
        assert!(!form["token"].is_empty());
        for (name, value) in [
            ("token_type_hint", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
        ] {
            assert_eq!(form[name], value);
        }
        assert!(!house.revoke("custom").await.1, "there is nothing left");
    });
}

#[test]
fn tokens_are_erased_also_where_the_provider_does_not_take_them_back() {
    run(async {
        let house = House::start().await;
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = format!("http://{}/revoke", closed.local_addr().unwrap());
        drop(closed);
        house.revocable(&nobody).await;
        assert!(!house.revoke("custom").await.1);
        let test = house.test("custom", ALEX).await;
        assert_eq!(
            test.diagnosis.unwrap().reason(),
            Reason::ServiceNotAuthorized
        );

        let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let (url, asked) = endpoint(busy).await;
        let mut service = custom(&house);
        service.service_id = "custom".into();
        let settings = oauth2(&mut service);
        settings.custom.as_mut().unwrap().revocation_endpoint = url;
        let paths = ["oauth2.custom.revocation_endpoint", "oauth2.client_secret"];
        house.update(service, &paths).await.unwrap();
        assert_eq!(house.authorize("custom", ADELE).await.status, 200);
        assert!(!house.revoke("custom").await.1);
        asked.await.unwrap();
    });
}

#[test]
fn a_service_without_oauth2_has_nothing_to_revoke() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.auth = Some(v1::service::Auth::Password(v1::PasswordAuth {
            username: ADELE.into(),
            password: "secret".into(),
        }));
        house.create("adele", service).await;
        let answer = house.try_revoke("adele").await;
        refused(answer, Code::FailedPrecondition, "WRONG_STATE");
        let answer = house.try_revoke("nobody").await;
        refused(answer, Code::NotFound, "SERVICE_NOT_FOUND");
    });
}
