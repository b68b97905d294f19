//! Single calls: their errors whole, their deadlines, their size.

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, MessageState};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::proxy::{Kind, Proxy};
use super::wire;
use super::world::{ALEX, Channel, World, run, send, test_to, text};

const MIB: usize = 1024 * 1024;

fn mail(connection: Channel) -> MailApiClient<Channel> {
    MailApiClient::new(connection).max_encoding_message_size(usize::MAX)
}

/// What an error's ErrorInfo says, which every error of ours has.
#[track_caller]
fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"))
        .reason
}

#[test]
fn answers_and_errors_arrive_as_the_server_gave_them() {
    run(async {
        let world = World::start().await;
        for proxy in world.proxies(&[]).await {
            let connection = proxy.connect().await;
            let mut admin = AdminApiClient::new(connection.clone());
            let get = |id: &str| v1::GetServiceRequest {
                service_id: id.into(),
            };
            let service = admin.get_service(get("billing")).await.unwrap();
            assert_eq!(
                service.into_inner().service.unwrap().display_name,
                "Billing"
            );

            let missing = admin.get_service(get("missing")).await.unwrap_err();
            assert_eq!(missing.code(), Code::NotFound, "{:?}", proxy.kind);
            assert_eq!(reason(&missing), "SERVICE_NOT_FOUND");
            let resource = missing.get_details_resource_info().unwrap();
            assert_eq!(resource.resource_name, "missing");

            let mut nobody = AdminApiClient::new(proxy.connect_bare().await);
            let refused = nobody.get_service(get("billing")).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);

            holds_all_violations(&proxy, connection).await;
            holds_the_head_of_an_error(&proxy).await;
        }
    });
}

/// As many as an error tells of, which is more than a buffer of nginx's own size.
async fn holds_all_violations(proxy: &Proxy, connection: Channel) {
    let to = (0..90).map(|n| v1::Address {
        address: format!("not an address {n} {}", "x".repeat(100)),
        ..v1::Address::default()
    });
    let email = v1::Email {
        to: to.collect(),
        ..v1::Email::default()
    };
    let request = v1::SendRequest {
        service_id: "billing".into(),
        content: Some(v1::send_request::Content::Email(Box::new(email))),
        ..v1::SendRequest::default()
    };
    let refused = mail(connection).send(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{:?}", proxy.kind);
    assert_eq!(reason(&refused), "INVALID_FIELD");
    assert!(
        refused.details().len() > 3 * 1024,
        "{}",
        refused.details().len()
    );
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert!(violations.len() > 40, "{}", violations.len());
    assert!(violations[0].field.contains("to[0]"), "{violations:?}");
}

/// "Trailers-Only": libraries look for the status in the head only where that ends the stream.
async fn holds_the_head_of_an_error(proxy: &Proxy) {
    let get = v1::GetServiceRequest {
        service_id: "missing".into(),
    };
    let path = "/mailwright.v1.AdminAPI/GetService";
    let answer = wire::call(proxy, path, &get, "10S").await;
    assert_eq!(answer.head["grpc-status"], "5", "{:?}", proxy.kind);
    assert_eq!(answer.head["content-type"], "application/grpc");
    assert!(answer.head.contains_key("grpc-status-details-bin"));
    assert!(answer.trailers.is_none() && answer.body.is_empty());
}

#[test]
fn a_deadline_reaches_the_server() {
    run(async {
        let world = World::start().await;
        for proxy in world.proxies(&[]).await {
            world.sandbox.control().hold_data_reply(true);
            let path = "/mailwright.v1.AdminAPI/SendTest";
            let answer = wire::call(&proxy, path, &test_to(ALEX), "1S").await;
            let status = answer.head.get("grpc-status").or_else(|| {
                let trailers = answer.trailers.as_ref()?;
                trailers.get("grpc-status")
            });
            // No proxy counts it, and nor does this client: the server has said so.
            assert_eq!(status.unwrap(), "4", "{:?}", proxy.kind);
            world.sandbox.control().hold_data_reply(false);
        }
    });
}

#[test]
fn a_large_attachment_passes_and_what_is_too_large_is_told_as_that() {
    run(async {
        let limit = (30 * MIB).to_string();
        let world = World::with(&[("MAILWRIGHT_SERVER_MAX_REQUEST_BYTES", &limit)]).await;
        for proxy in world.proxies(&[]).await {
            let mut mail = mail(proxy.connect().await);
            let id = format!("large-{:?}", proxy.kind);
            let sent = mail
                .send(send(&id, with_attachment(20 * MIB)))
                .await
                .unwrap();
            assert_eq!(sent.into_inner().state(), MessageState::Queued);
            let control = world.sandbox.control();
            control
                .wait_until(|_| {
                    let mails = world.sandbox.mail();
                    mails.iter().any(|mail| mail.content.len() > 27_000_000)
                })
                .await;

            let refused = mail.send(send("larger", with_attachment(30 * MIB))).await;
            let refused = refused.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted, "{:?}", proxy.kind);
            assert_eq!(reason(&refused), "REQUEST_TOO_LARGE");

            // The connection is as good as before.
            mail.send(text(&format!("small-{:?}", proxy.kind)))
                .await
                .unwrap();
        }
    });
}

#[test]
fn a_proxy_that_refuses_a_call_says_so_in_grpcs_words() {
    run(async {
        let mut world = World::start().await;
        let small = [("client_max_body_size 49m", "client_max_body_size 1m")];
        let nginx = Proxy::start(Kind::Nginx, world.at, &small).await;
        let mut mail = mail(nginx.connect().await);
        let refused = mail.send(send("large", with_attachment(2 * MIB))).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        world.stop();
        let proxies = [nginx, Proxy::start(Kind::Haproxy, world.at, &[]).await];
        for proxy in proxies {
            let mut admin = AdminApiClient::new(proxy.connect().await);
            let info = admin.get_server_info(v1::GetServerInfoRequest::default());
            let refused = info.await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        }
    });
}

fn with_attachment(bytes: usize) -> v1::Email {
    v1::Email {
        attachments: vec![v1::Attachment {
            filename: "large.bin".into(),
            content: vec![b'x'; bytes].into(),
            ..v1::Attachment::default()
        }],
        ..v1::Email::default()
    }
}
