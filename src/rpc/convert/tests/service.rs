//! A service to create: every bound, and every path of a violation.

use super::*;
use crate::model::service::{Auth, OnUncertain, ServiceConfig, TlsMode};
use crate::model::update::{SecretChange, SecretsChange};
use crate::model::{Secret, ServiceId};
use crate::rpc::convert::service::create_service;

pub(super) fn create(
    service: v1::Service,
) -> Result<(Option<ServiceId>, ServiceConfig, SecretsChange), Error> {
    create_service(v1::CreateServiceRequest {
        service_id: String::new(),
        service: Some(service),
    })
}

pub(super) type Case = (&'static str, fn(&mut v1::Service));

pub(super) fn assert_each_is_refused(base: fn() -> v1::Service, cases: &[Case]) {
    assert_eq!(paths(create(base())), Vec::<String>::new());
    for (path, spoil) in cases {
        let mut service = base();
        spoil(&mut service);
        assert_eq!(paths(create(service)), [format!("service.{path}")]);
    }
}

pub(super) fn assert_each_is_taken(base: fn() -> v1::Service, cases: &[fn(&mut v1::Service)]) {
    for (i, change) in cases.iter().enumerate() {
        let mut service = base();
        change(&mut service);
        assert_eq!(paths(create(service)), Vec::<String>::new(), "case {i}");
    }
}

#[test]
fn the_settings_of_any_service_have_bounds() {
    assert_each_is_refused(
        oauth2_service,
        &[
            ("display_name", |s| s.display_name.clear()),
            ("display_name", |s| s.display_name = " ".into()),
            ("display_name", |s| s.display_name = "ä".repeat(201)),
            ("display_name", |s| s.display_name = "a\nb".into()),
            ("smtp", |s| s.smtp = None),
            ("smtp.port", |s| s.smtp.as_mut().unwrap().port = -1),
            ("smtp.port", |s| s.smtp.as_mut().unwrap().port = 65_536),
            ("smtp.tls", |s| s.smtp.as_mut().unwrap().tls = 9),
            ("smtp.tls", |s| s.smtp.as_mut().unwrap().tls = 3),
            ("sender", |s| s.sender = None),
            ("sender.address", |s| {
                s.sender.as_mut().unwrap().address.clear()
            }),
            ("sender.address", |s| {
                let long = format!("{}@{}.de", "a".repeat(64), "b.".repeat(93) + "c");
                assert_eq!(long.len(), 255);
                s.sender.as_mut().unwrap().address = long;
            }),
            ("sender.name", |s| {
                s.sender.as_mut().unwrap().name = "a\r\nb".into()
            }),
            ("sender.name", |s| {
                s.sender.as_mut().unwrap().name = "a".repeat(201)
            }),
            ("sender.reply_to", |s| {
                s.sender.as_mut().unwrap().reply_to = "x".into()
            }),
            ("sender.allowed_addresses", |s| {
                s.sender.as_mut().unwrap().allowed_addresses = vec!["a@b.de".into(); 101];
            }),
            ("sender.allowed_addresses[1]", |s| {
                s.sender.as_mut().unwrap().allowed_addresses = vec!["a@b.de".into(), String::new()];
            }),
            ("auth", |s| s.auth = None),
            ("labels", |s| s.labels = [("A".into(), "b".into())].into()),
            ("labels", |s| {
                s.labels = (0..33).map(|i| (i.to_string(), String::new())).collect()
            }),
        ],
    );
    assert_each_is_taken(
        oauth2_service,
        &[
            |s| s.display_name = "ä".repeat(200),
            |s| s.smtp.as_mut().unwrap().port = 65_535,
            |s| s.sender.as_mut().unwrap().allowed_addresses = vec!["a@b.de".into(); 100],
            |s| s.labels = (0..32).map(|i| (i.to_string(), "ü ".into())).collect(),
            |s| s.state = 99,
            |s| s.etag = "ignored".into(),
        ],
    );
}

#[test]
fn hosts_are_names_or_addresses_and_nothing_around_them() {
    for (given, kept) in [
        ("SMTP.Office365.COM", "smtp.office365.com"),
        ("localhost", "localhost"),
        ("a_b-1.example", "a_b-1.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("::1", "::1"),
    ] {
        let mut service = oauth2_service();
        service.smtp.as_mut().unwrap().host = given.into();
        assert_eq!(create(service).unwrap().1.smtp.host, kept);
    }
    let long = "a.".repeat(126) + "com";
    for bad in [
        "",
        " ",
        "a b",
        "user@host",
        "http://host",
        "host/path",
        "host:25",
        "host.",
        ".host",
        "-a.de",
        "a-.de",
        "ho\nst",
        "höst",
        "host?x",
        "host#x",
        "host\\x",
        "127.1",
        "0x7f.0.0.1",
        "1",
        "a.0x1",
        "[::1",
        "[192.0.2.7]",
        "fe80::1%eth0",
        "%31",
        &"a".repeat(64),
        &long,
    ] {
        let mut service = oauth2_service();
        service.smtp.as_mut().unwrap().host = bad.into();
        assert_eq!(paths(create(service)), ["service.smtp.host"], "{bad:?}");
    }
}

#[test]
fn the_port_follows_the_encryption() {
    for (tls, port) in [
        (v1::TlsMode::Unspecified, 587),
        (v1::TlsMode::Starttls, 587),
        (v1::TlsMode::Implicit, 465),
        (v1::TlsMode::Plaintext, 25),
    ] {
        let mut service = oauth2_service();
        service.auth = Some(v1::service::Auth::None(v1::NoAuth {}));
        service.smtp.as_mut().unwrap().tls = tls.into();
        assert_eq!(create(service).unwrap().1.smtp.port, port);
    }
}

#[test]
fn credentials_never_cross_an_unencrypted_connection() {
    for mut service in [oauth2_service(), password_service()] {
        service.smtp.as_mut().unwrap().tls = v1::TlsMode::Plaintext.into();
        assert_eq!(paths(create(service)), ["service.smtp.tls"]);
    }
}

#[test]
fn passwords_have_bounds() {
    fn of(service: &mut v1::Service) -> &mut v1::PasswordAuth {
        match &mut service.auth {
            Some(v1::service::Auth::Password(password)) => password,
            _ => panic!("no password"),
        }
    }
    assert_each_is_refused(
        password_service,
        &[
            ("password.username", |s| of(s).username.clear()),
            ("password.username", |s| of(s).username = "a".repeat(255)),
            ("password.username", |s| of(s).username = "a\0b".into()),
            ("password.password", |s| of(s).password.clear()),
            ("password.password", |s| of(s).password = "a".repeat(1_025)),
        ],
    );
}

#[test]
fn limits_have_bounds() {
    for (path, max, set) in [
        (
            "max_connections",
            100,
            (|d, n| d.max_connections = Some(n)) as fn(&mut v1::Delivery, i32),
        ),
        ("messages_per_minute", 100_000, |d, n| {
            d.messages_per_minute = Some(n)
        }),
        ("recipients_per_day", 10_000_000, |d, n| {
            d.recipients_per_day = Some(n)
        }),
        ("recipients_per_message", 1_000, |d, n| {
            d.recipients_per_message = Some(n)
        }),
    ] {
        for (n, is_good) in [
            (i32::MIN, false),
            (0, false),
            (1, true),
            (max, true),
            (max + 1, false),
        ] {
            let mut service = oauth2_service();
            set(service.delivery.get_or_insert_default(), n);
            let expected = if is_good {
                vec![]
            } else {
                vec![format!("service.delivery.{path}")]
            };
            assert_eq!(paths(create(service)), expected, "{n}");
        }
    }
    for (n, is_good) in [
        (-1, false),
        (1_023, false),
        (1_024, true),
        (36_700_160, true),
    ] {
        let mut service = oauth2_service();
        service.delivery.get_or_insert_default().max_message_bytes = Some(n);
        assert_eq!(create(service).is_ok(), is_good, "{n}");
    }
    let mut service = oauth2_service();
    service.delivery.get_or_insert_default().on_uncertain = 3;
    assert_eq!(paths(create(service)), ["service.delivery.on_uncertain"]);
}

#[test]
fn all_violations_are_told_at_once() {
    let request = v1::CreateServiceRequest {
        service_id: "X".into(),
        service: Some(v1::Service {
            smtp: Some(v1::Smtp::default()),
            auth: Some(v1::service::Auth::Password(v1::PasswordAuth::default())),
            ..v1::Service::default()
        }),
    };
    assert_eq!(
        paths(create_service(request)),
        [
            "service_id",
            "service.display_name",
            "service.smtp.host",
            "service.sender",
            "service.password.username",
            "service.password.password",
        ]
    );
    assert_eq!(
        paths(create_service(v1::CreateServiceRequest::default())),
        ["service"]
    );
}

#[test]
fn a_created_service_has_the_documented_defaults_and_its_secrets() {
    let request = v1::CreateServiceRequest {
        service_id: "crm-1".into(),
        service: Some(custom_service()),
    };
    let (id, config, secrets) = create_service(request).unwrap();
    assert_eq!(id.unwrap().as_str(), "crm-1");
    assert_eq!(config.smtp.tls, TlsMode::Starttls);
    assert_eq!(config.delivery.on_uncertain, OnUncertain::Resend);
    let Auth::OAuth2(oauth2) = &config.auth else {
        panic!("{config:?}");
    };
    assert_eq!(oauth2.client_secret_hint, "ent");
    let crate::model::service::Provider::Custom(custom) = &oauth2.provider else {
        panic!("{oauth2:?}");
    };
    assert_eq!(custom.scope_separator, " ");
    assert_eq!(
        secrets.client_secret,
        SecretChange::Set(Secret::new("secret-of-the-client"))
    );
    assert_eq!(secrets.next_client_secret, SecretChange::Keep);
    assert!(create(oauth2_service()).unwrap().0.is_none());
}
