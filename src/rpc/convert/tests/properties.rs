//! What holds for every input.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::model::service::Service;
use crate::model::{ServiceId, Timestamp};
use crate::rpc::convert::access_keys::create_access_key;
use crate::rpc::convert::again::{resolve_message, retry_message};
use crate::rpc::convert::requests::*;
use crate::rpc::convert::send::send;
use crate::rpc::convert::service::create_service;
use crate::rpc::convert::service_view::{ServiceView, service};
use crate::rpc::convert::update::{apply_update, update_target};
use crate::store::ServiceRow;

fn auth() -> impl Strategy<Value = v1::service::Auth> {
    prop_oneof![
        (
            1..=2i32,
            0..=4i32,
            0..=2i32,
            "[a-z]{1,9}",
            option::of(0..9_999i64)
        )
            .prop_map(|(provider, cloud, grant, text, expire)| {
                v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                    provider,
                    login_email: format!("{text}@example.com"),
                    consent_email: format!("Admin.{text}@Example.com"),
                    client_id: text.clone(),
                    client_secret: text.clone(),
                    tenant_id: format!("{text}.example"),
                    client_secret_expire_time: expire.map(|seconds| prost_types::Timestamp {
                        seconds,
                        nanos: 5_000,
                    }),
                    cloud,
                    // An app acts for itself at Microsoft alone.
                    grant: if provider == 1 { grant } else { grant.min(1) },
                    scopes: vec![text; 2],
                    ..v1::OAuth2::default()
                }))
            }),
        (
            "[ ,;]",
            0..=3i32,
            0..=2i32,
            any::<bool>(),
            btree_map("x[a-z]{0,9}", "[ -~ä]{0,40}", 0..5)
        )
            .prop_map(
                |(separator, client_auth, sasl_mechanism, disable_pkce, params)| {
                    let mut service = custom_service();
                    *custom(&mut service) = v1::CustomProvider {
                        scope_separator: separator,
                        client_auth,
                        sasl_mechanism,
                        disable_pkce,
                        disable_openid: !disable_pkce,
                        extra_authorize_params: params,
                        issuer: "https://id.example.com".into(),
                        ..custom(&mut service).clone()
                    };
                    service.auth.unwrap()
                }
            ),
        "[ -~ä]{1,40}".prop_map(|username| v1::service::Auth::Password(v1::PasswordAuth {
            username,
            password: "hunter2".into(),
        })),
        Just(v1::service::Auth::None(v1::NoAuth {})),
    ]
}

prop_compose! {
    fn good_service()(
        display_name in "[A-Za-z][ -~ä€]{0,60}",
        host in "[A-Za-z]{1,5}(\\.[a-zA-Z0-9]{1,9}){0,3}\\.[a-z]{2,5}",
        port in 0..=65_535i32,
        tls in 0..=2i32,
        name in "[ -~ö]{0,40}",
        allowed in vec("[a-z]{1,9}@[a-z]{1,9}\\.de", 0..4),
        auth in auth(),
        connections in option::of(1..=100i32),
        bytes in option::of(1_024..=99_999_999i64),
        on_uncertain in 0..=2i32,
        labels in btree_map("[a-z0-9._/-]{1,9}", "[ -~]{0,20}", 0..5),
    ) -> v1::Service {
        v1::Service {
            display_name,
            smtp: Some(v1::Smtp { host, port, tls }),
            sender: Some(v1::Sender {
                address: "CRM@Example.com".into(),
                name,
                reply_to: allowed.first().cloned().unwrap_or_default(),
                allowed_addresses: allowed,
            }),
            auth: Some(auth),
            delivery: Some(v1::Delivery {
                max_connections: connections,
                max_message_bytes: bytes,
                on_uncertain,
                ..v1::Delivery::default()
            }),
            labels,
            ..v1::Service::default()
        }
    }
}

fn parse(service: v1::Service) -> Result<Service, Error> {
    let request = v1::CreateServiceRequest {
        service_id: String::new(),
        service: Some(service),
    };
    let config = create_service(request)?.1;
    Ok(Service::new(
        ServiceId::generate([1; 10]),
        config,
        Timestamp::default(),
    ))
}

fn shown(stored: &Service) -> v1::Service {
    service(ServiceView {
        row: ServiceRow {
            service: stored.clone(),
            pause: None,
            pending_messages: 0,
            token_generation: 0,
        },
        redirect_uri: String::new(),
        problem: None,
        budget: None,
    })
}

/// All paths of whole fields: together they replace everything.
fn full_mask(service: &v1::Service) -> Vec<String> {
    let auth = match &service.auth {
        Some(v1::service::Auth::Oauth2(_)) => "oauth2",
        Some(v1::service::Auth::Password(_)) => "password",
        _ => "none",
    };
    ["display_name", "smtp", "sender", "delivery", "labels", auth]
        .map(ToOwned::to_owned)
        .to_vec()
}

fn update(stored: &Service, service: v1::Service, paths: Vec<String>) -> Result<Service, Error> {
    let request = v1::UpdateServiceRequest {
        service: Some(service),
        update_mask: Some(prost_types::FieldMask { paths }),
    };
    let (config, _) = apply_update(stored, request)?;
    Ok(Service {
        config,
        ..stored.clone()
    })
}

proptest! {
    #[test]
    fn what_is_shown_parses_to_what_is_stored(given in good_service()) {
        if let Ok(stored) = parse(given) {
            let again = shown(&stored);
            let mask = full_mask(&again);
            let same = update(&stored, again, mask).unwrap();
            prop_assert_eq!(same.config, stored.config);
        }
    }

    #[test]
    fn most_of_what_is_generated_is_good(given in good_service()) {
        // Guards the property above against generators that only make refused services.
        let found = paths(parse(given));
        prop_assert!(found.iter().all(|path| path.contains("client_secret")), "{found:?}");
    }

    #[test]
    fn an_update_of_everything_is_as_good_as_new(a in good_service(), b in good_service()) {
        if let (Ok(stored), Ok(expected)) = (parse(a), parse(b.clone())) {
            let mask = full_mask(&b);
            prop_assert_eq!(update(&stored, b, mask).unwrap().config, expected.config);
        }
    }

    #[test]
    fn updates_of_different_fields_can_be_made_in_any_order(
        a in good_service(), b in good_service(), first in 0..3usize, second in 3..5usize,
    ) {
        const FIELDS: [&str; 5] = ["display_name", "sender.name", "delivery", "labels", "sender.reply_to"];
        if let Ok(stored) = parse(a) {
            let step = |stored: &Service, i: usize| {
                update(stored, b.clone(), vec![FIELDS[i].to_owned()]).unwrap()
            };
            let together = update(
                &stored, b.clone(), vec![FIELDS[second].to_owned(), FIELDS[first].to_owned()],
            ).unwrap();
            prop_assert_eq!(&step(&step(&stored, first), second), &together);
            prop_assert_eq!(&step(&step(&stored, second), first), &together);
        }
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in vec(any::<u8>(), 0..200)) {
        macro_rules! feed {
            ($($request:ident => $parse:expr),* $(,)?) => {
                $(if let Ok(request) = v1::$request::decode(bytes.as_slice()) {
                    let parse = $parse; let _ = parse(request);
                })*
            };
        }
        let stored = parse(oauth2_service()).unwrap();
        feed! {
            CreateServiceRequest => create_service,
            UpdateServiceRequest => |request| {
                let _ = update_target(&request);
                let _ = apply_update(&stored, request);
            },
            DeleteServiceRequest => delete_service,
            BeginAuthorizeRequest => begin_authorize,
            CompleteAuthorizeRequest => complete_authorize,
            SendTestRequest => send_test,
            SendRequest => send,
            ListServicesRequest => list_services,
            ListMessagesRequest => list_messages,
            RetryMessageRequest => retry_message,
            ResolveMessageRequest => resolve_message,
            WatchStatusRequest => watch_status,
            CreateAccessKeyRequest => create_access_key,
            ListAccessKeysRequest => |request| list_access_keys(&request),
            RevokeAccessKeyRequest => |request: v1::RevokeAccessKeyRequest| {
                access_key_id(&request.access_key_id)
            },
        }
    }

    #[test]
    fn no_text_makes_the_parsers_panic(
        texts in vec("\\PC{0,40}|.{0,300}|[a-z.:/@\\[\\]]{0,20}", 12), numbers in vec(any::<i32>(), 6),
        nanos in any::<i32>(), seconds in any::<i64>(), path in "[a-z_.0-9]{0,30}",
    ) {
        let text = |i: usize| texts[i].clone();
        let time = Some(prost_types::Timestamp { seconds, nanos });
        let anything = v1::Service {
            display_name: text(0),
            smtp: Some(v1::Smtp { host: text(1), port: numbers[0], tls: numbers[1] }),
            sender: Some(v1::Sender {
                address: text(2), name: text(3), reply_to: text(4), allowed_addresses: vec![text(5)],
            }),
            auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                provider: 3, login_email: text(6), client_id: text(7), client_secret: text(8),
                tenant_id: text(9), cloud: numbers[2], grant: numbers[3], scopes: texts.clone(),
                client_secret_expire_time: time,
                custom: Some(v1::CustomProvider {
                    authorization_endpoint: text(10), token_endpoint: text(11),
                    scope_separator: text(0), issuer: text(1),
                    extra_authorize_params: [(text(2), text(3))].into(),
                    ..v1::CustomProvider::default()
                }),
                ..v1::OAuth2::default()
            }))),
            delivery: Some(v1::Delivery {
                max_connections: Some(numbers[4]), max_message_bytes: Some(seconds),
                ..v1::Delivery::default()
            }),
            labels: [(text(6), text(7))].into(),
            etag: text(8),
            ..v1::Service::default()
        };
        let stored = parse(oauth2_service()).unwrap();
        let _ = update(&stored, anything.clone(), vec![path, "oauth2".into(), "smtp".into()]);
        let _ = parse(anything);
        let address = || v1::Address { address: text(0), name: text(1) };
        let _ = send(v1::SendRequest {
            service_id: text(2), request_id: text(3), priority: numbers[5], send_time: time,
            content: Some(v1::send_request::Content::Email(Box::new(v1::Email {
                to: vec![address()], from: Some(address()), reply_to: Some(address()),
                subject: text(4), text_body: text(5),
                attachments: vec![v1::Attachment {
                    filename: text(6), content_type: text(7), content_id: text(8),
                    ..v1::Attachment::default()
                }],
                headers: vec![v1::Header { name: text(9), value: text(10) }],
                ..v1::Email::default()
            }))),
            ..v1::SendRequest::default()
        });
    }

    #[test]
    fn no_page_token_makes_the_parser_panic(token in ".{0,60}") {
        let _ = list_messages(v1::ListMessagesRequest {
            page_token: token,
            ..v1::ListMessagesRequest::default()
        });
    }
}
