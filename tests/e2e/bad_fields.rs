//! Bad input at AdminAPI and StatusAPI: each is refused with every wrong field named.

use mailwright::rpc::proto::v1;
use prost_types::Timestamp;
use tonic::{Code, Status};

use super::callback::custom;
use super::fault::{invalid, refused};
use super::harness::{House, run};
use super::requests::{ADELE, oauth2};
use super::watch::from_cursor;

async fn create(
    house: &House,
    change: impl FnOnce(&mut v1::Service),
) -> Result<v1::Service, Status> {
    let mut service = house.service(ADELE);
    change(&mut service);
    house.try_create("adele", service).await
}

#[test]
fn an_empty_service_names_all_that_is_missing() {
    run(async {
        let house = House::start().await;
        let nothing = v1::CreateServiceRequest::default();
        let nothing = house.admin().create_service(nothing).await;
        invalid(nothing, &["service"]);
        let empty = house.try_create("adele", v1::Service::default()).await;
        let all = [
            "service.display_name",
            "service.smtp",
            "service.sender",
            "service.auth",
        ];
        invalid(empty, &all);
        let hollow = v1::Service {
            smtp: Some(v1::Smtp::default()),
            sender: Some(v1::Sender::default()),
            auth: Some(v1::service::Auth::Oauth2(Box::default())),
            ..v1::Service::default()
        };
        let fault = refused(
            house.try_create("Bad_Id", hollow).await,
            Code::InvalidArgument,
            "INVALID_FIELD",
        );
        for field in [
            "service_id",
            "service.display_name",
            "service.smtp.host",
            "service.sender.address",
            "service.oauth2.provider",
            "service.oauth2.login_email",
            "service.oauth2.client_id",
        ] {
            assert!(
                fault.fields.iter().any(|named| named == field),
                "{field}: {fault:?}"
            );
        }
        assert!(
            house
                .admin()
                .list_services(v1::ListServicesRequest::default())
                .await
                .unwrap()
                .into_inner()
                .services
                .is_empty()
        );
    });
}

#[test]
fn each_bad_field_of_a_service_is_named_by_its_path() {
    run(async {
        let house = House::start().await;
        type Change = (&'static str, fn(&mut v1::Service));
        let changes: [Change; 22] = [
            ("service.display_name", |s| s.display_name = "x".repeat(201)),
            ("service.display_name", |s| s.display_name = " \t ".into()),
            ("service.display_name", |s| {
                s.display_name = "a\r\nBcc: x".into()
            }),
            ("service.smtp.host", |s| {
                s.smtp.as_mut().unwrap().host = "a b".into()
            }),
            ("service.smtp.host", |s| {
                s.smtp.as_mut().unwrap().host = "x".repeat(254)
            }),
            ("service.smtp.host", |s| {
                s.smtp.as_mut().unwrap().host = "a.example\r\nQUIT".into()
            }),
            ("service.smtp.port", |s| s.smtp.as_mut().unwrap().port = -1),
            ("service.smtp.port", |s| {
                s.smtp.as_mut().unwrap().port = 65_536
            }),
            ("service.smtp.tls", |s| s.smtp.as_mut().unwrap().tls = 99),
            ("service.smtp.tls", |s| {
                s.smtp.as_mut().unwrap().tls = v1::TlsMode::Plaintext.into()
            }),
            ("service.sender.address", |s| {
                s.sender.as_mut().unwrap().address = "nobody".into()
            }),
            ("service.sender.address", |s| {
                s.sender.as_mut().unwrap().address = "a@b.de>\r\nRCPT TO:<x@y.de".into()
            }),
            ("service.sender.name", |s| {
                s.sender.as_mut().unwrap().name = "a\nb".into()
            }),
            ("service.sender.reply_to", |s| {
                s.sender.as_mut().unwrap().reply_to = "@".into()
            }),
            ("service.sender.allowed_addresses[1]", |s| {
                s.sender.as_mut().unwrap().allowed_addresses = vec!["a@b.de".into(), "b".into()];
            }),
            ("service.delivery.max_connections", |s| {
                s.delivery = Some(v1::Delivery {
                    max_connections: Some(0),
                    ..v1::Delivery::default()
                });
            }),
            ("service.labels", |s| {
                _ = s.labels.insert("Bad Key".into(), String::new())
            }),
            ("service.oauth2.client_secret", |s| {
                oauth2(s).client_secret = "x".repeat(1_025)
            }),
            ("service.oauth2.tenant_id", |s| {
                oauth2(s).tenant_id = "../x".into()
            }),
            ("service.oauth2.client_secret_expire_time", |s| {
                oauth2(s).client_secret_expire_time = Some(Timestamp {
                    seconds: i64::MAX,
                    nanos: -1,
                });
            }),
            ("service.oauth2.custom", |s| {
                oauth2(s).custom = Some(v1::CustomProvider::default())
            }),
            ("service.oauth2.scopes[0]", |s| {
                oauth2(s).scopes = vec!["two words".into()]
            }),
        ];
        for (field, change) in changes {
            println!("{field}");
            invalid(create(&house, change).await, &[field]);
        }
        for id in ["A", "ab", "1abc", "a_b", "-ab", &"a".repeat(64), "a\r\nb"] {
            let answer = house.try_create(id, house.service(ADELE)).await;
            invalid(answer, &["service_id"]);
        }
    });
}

#[test]
fn endpoints_of_a_custom_provider_are_https_and_nothing_more() {
    run(async {
        let house = House::start().await;
        for bad in [
            "",
            "http://login.example/token",
            "ftp://login.example/",
            "https://user:secret@login.example/",
            "https://login.example/#x",
            "javascript:alert(1)",
            "https://10.0.0.1:99999/",
            "//login.example/",
            "https://login.example/\r\nx: y",
        ] {
            let mut service = custom(&house);
            oauth2(&mut service).custom.as_mut().unwrap().token_endpoint = bad.into();
            let answer = house.try_create("custom", service).await;
            invalid(answer, &["service.oauth2.custom.token_endpoint"]);
        }
    });
}

#[test]
fn an_id_that_is_none_is_invalid_and_one_that_is_unknown_not_found() {
    run(async {
        let house = House::start().await;
        let mut admin = house.admin();
        for (id, code, reason) in [
            ("", Code::InvalidArgument, "INVALID_FIELD"),
            ("No Such Thing", Code::InvalidArgument, "INVALID_FIELD"),
            ("../../etc", Code::InvalidArgument, "INVALID_FIELD"),
            (&"a".repeat(10_000), Code::InvalidArgument, "INVALID_FIELD"),
            ("nobody", Code::NotFound, "SERVICE_NOT_FOUND"),
        ] {
            let service_id = id.to_owned();
            let get = v1::GetServiceRequest {
                service_id: service_id.clone(),
            };
            refused(admin.get_service(get).await, code, reason);
            let delete = v1::DeleteServiceRequest {
                service_id: service_id.clone(),
                ..v1::DeleteServiceRequest::default()
            };
            refused(admin.delete_service(delete).await, code, reason);
            let suspend = v1::SuspendServiceRequest {
                service_id: service_id.clone(),
            };
            refused(admin.suspend_service(suspend).await, code, reason);
            let resume = v1::ResumeServiceRequest {
                service_id: service_id.clone(),
            };
            refused(admin.resume_service(resume).await, code, reason);
            let begin = v1::BeginAuthorizeRequest {
                service_id: service_id.clone(),
                return_url: String::new(),
            };
            refused(admin.begin_authorize(begin).await, code, reason);
            let revoke = v1::RevokeAuthorizationRequest {
                service_id: service_id.clone(),
            };
            refused(admin.revoke_authorization(revoke).await, code, reason);
            let test = v1::SendTestRequest {
                service_id: service_id.clone(),
                to: ADELE.into(),
            };
            refused(admin.send_test(test).await, code, reason);
            let update = v1::Service {
                service_id,
                ..house.service(ADELE)
            };
            refused(house.update(update, &["display_name"]).await, code, reason);
        }
    });
}

#[test]
fn two_bad_fields_of_a_small_request_are_both_named() {
    run(async {
        let house = House::start().await;
        let mut admin = house.admin();
        let test = v1::SendTestRequest {
            service_id: String::new(),
            to: "a@b.de\r\n".into(),
        };
        invalid(admin.send_test(test).await, &["service_id", "to"]);
        let begin = v1::BeginAuthorizeRequest {
            service_id: "!".into(),
            return_url: "https://x/\r\n".into(),
        };
        invalid(
            admin.begin_authorize(begin).await,
            &["service_id", "return_url"],
        );
        let complete = v1::CompleteAuthorizeRequest {
            state: "s".repeat(513),
            code: "c".repeat(8_193),
            error_uri: "u".repeat(2_049),
            ..v1::CompleteAuthorizeRequest::default()
        };
        invalid(
            admin.complete_authorize(complete).await,
            &["state", "code", "error_uri"],
        );
        let complete = admin.complete_authorize(v1::CompleteAuthorizeRequest::default());
        invalid(complete.await, &["state"]);
        let complete = v1::CompleteAuthorizeRequest {
            state: "s".into(),
            ..v1::CompleteAuthorizeRequest::default()
        };
        invalid(admin.complete_authorize(complete).await, &["code"]);
        let list = v1::ListServicesRequest {
            states: vec![0, 77],
            display_name_contains: "a\n".into(),
            page_size: -1,
            page_token: "!!".into(),
            ..v1::ListServicesRequest::default()
        };
        let fields = [
            "states[0]",
            "states[1]",
            "display_name_contains",
            "page_size",
            "page_token",
        ];
        invalid(admin.list_services(list).await, &fields);
    });
}

#[test]
fn a_cursor_that_is_none_is_told_apart_from_a_bad_filter() {
    run(async {
        let house = House::start().await;
        for cursor in ["", "x", "AAAA", "not a cursor", &"A".repeat(10_000)] {
            let answer = house.try_watch(from_cursor(cursor)).await;
            let fault = refused(answer, Code::InvalidArgument, "CURSOR_INVALID");
            assert_eq!(fault.fields, ["cursor"]);
        }
        let request = v1::WatchStatusRequest {
            service_ids: vec!["!".into()],
            message_ids: vec!["a".into(), "b".into()],
            kinds: vec![0, 9],
            ..super::watch::from(v1::WatchPosition::Unspecified)
        };
        let fields = [
            "position",
            "service_ids[0]",
            "message_ids[0]",
            "message_ids[1]",
            "kinds[0]",
            "kinds[1]",
        ];
        invalid(house.try_watch(request).await, &fields);
        let request = v1::WatchStatusRequest {
            kinds: vec![0],
            ..from_cursor("x")
        };
        invalid(house.try_watch(request).await, &["kinds[0]", "cursor"]);
        let many = v1::WatchStatusRequest {
            service_ids: vec!["abc".into(); 101],
            ..v1::WatchStatusRequest::default()
        };
        invalid(house.try_watch(many).await, &["service_ids"]);
    });
}
