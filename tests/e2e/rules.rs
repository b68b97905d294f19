//! What an update does to secrets, grant and test: stored credentials never travel to a new address.

use mailwright::rpc::proto::v1::{self, Reason, ServiceState};
use mailwright::sandbox::{App, CLIENT_SECRET};

use super::callback::custom;
use super::fault::invalid;
use super::harness::{House, run, sandbox};
use super::requests::{ADELE, ALEX, oauth2};

/// The settings of "adele" as a client sends them.
fn settings(house: &House) -> v1::Service {
    v1::Service {
        service_id: "adele".into(),
        ..house.service(ADELE)
    }
}

/// Sets one field.
type Change<T> = fn(&mut T);

fn hint(mut service: v1::Service) -> String {
    oauth2(&mut service).client_secret_hint.clone()
}

#[test]
fn a_new_host_without_the_secrets_leaves_nothing_that_could_be_sent_to_it() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        // Another server, which trusts nobody's tokens but counts who shows one.
        let elsewhere = sandbox(&house.env).await;
        let mut moved = settings(&house);
        moved.smtp.as_mut().unwrap().host = "127.0.0.1".into();
        moved.smtp.as_mut().unwrap().port = elsewhere.smtp_addr().port().into();
        let after = house
            .update(moved, &["smtp.host", "smtp.port"])
            .await
            .unwrap();
        assert_eq!(after.state(), ServiceState::PendingAuthorization);
        assert_eq!(after.authorization, None);
        assert_eq!(hint(after), "");

        let tokens = house.control().stats().token_requests;
        let test = house.test("adele", ALEX).await;
        assert!(!test.passed);
        assert_eq!(
            test.diagnosis.unwrap().reason(),
            Reason::ServiceNotAuthorized
        );
        assert_eq!(elsewhere.control().stats().auths, 0);
        assert_eq!(house.control().stats().token_requests, tokens);

        let begun = house.begin("adele").await;
        let back = super::browser::decide(&begun.authorization_url, ADELE, "accept").await;
        let page = super::browser::get(&back).await;
        assert_eq!(page.status, 400);
        assert!(
            page.body.contains("AADSTS7000218"),
            "no secret is left: {}",
            page.body
        );
    });
}

#[test]
fn a_new_host_with_the_secret_in_the_same_request_asks_for_a_test_alone() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut moved = settings(&house);
        moved.smtp.as_mut().unwrap().host = "127.0.0.1".into();
        let paths = ["smtp.host", "oauth2.client_secret"];
        let after = house.update(moved, &paths).await.unwrap();
        assert_eq!(after.state(), ServiceState::PendingTest);
        assert!(after.authorization.is_some());
        assert_eq!(hint(after), &CLIENT_SECRET[CLIENT_SECRET.len() - 3..]);
        assert!(house.test("adele", ALEX).await.passed);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn every_change_of_address_erases_what_was_stored_for_the_old_one() {
    run(async {
        let house = House::start().await;
        let changes: [(&str, Change<v1::Service>); 5] = [
            ("smtp.host", |s| {
                s.smtp.as_mut().unwrap().host = "127.0.0.1".into()
            }),
            ("smtp.port", |s| s.smtp.as_mut().unwrap().port = 2_525),
            ("smtp.tls", |s| {
                s.smtp.as_mut().unwrap().tls = v1::TlsMode::Implicit.into()
            }),
            ("oauth2.cloud", |s| {
                oauth2(s).cloud = v1::Cloud::China.into()
            }),
            ("oauth2.provider", |s| {
                oauth2(s).provider = v1::Provider::Google.into()
            }),
        ];
        for (n, (path, change)) in changes.into_iter().enumerate() {
            let id = format!("service-{n}");
            let created = house.create(&id, house.service(ADELE)).await;
            assert_eq!(hint(created), "001");
            house.authorize(&id, ADELE).await;
            let mut moved = v1::Service {
                service_id: id.clone(),
                ..house.service(ADELE)
            };
            change(&mut moved);
            let after = house.update(moved, &[path]).await.unwrap();
            assert_eq!(after.state(), ServiceState::PendingAuthorization, "{path}");
            assert_eq!(after.authorization, None, "{path}");
            assert_eq!(hint(after), "", "{path}");
        }
    });
}

#[test]
fn a_new_endpoint_gets_neither_the_old_nor_the_next_secret() {
    run(async {
        let house = House::start().await;
        let mut service = custom(&house);
        oauth2(&mut service).next_client_secret = "the-next-secret".into();
        house.create("adele", service.clone()).await;
        service.service_id = "adele".into();
        let settings = oauth2(&mut service);
        settings.custom.as_mut().unwrap().token_endpoint = "https://elsewhere.example/token".into();
        settings.client_secret = "brought-anew".into();
        settings.next_client_secret = String::new();
        let paths = ["oauth2.custom.token_endpoint", "oauth2.client_secret"];
        let mut after = house.update(service, &paths).await.unwrap();
        assert_eq!(oauth2(&mut after).client_secret_hint, "new");
        assert_eq!(oauth2(&mut after).next_client_secret_hint, "");
    });
}

#[test]
fn another_client_tenant_login_or_scope_drops_the_grant_and_keeps_the_secret() {
    run(async {
        let house = House::start().await;
        let app = App::new("another-client", CLIENT_SECRET);
        house.control().put_app(app);
        let changes: [(&str, Change<v1::OAuth2>); 4] = [
            ("oauth2.client_id", |o| {
                o.client_id = "another-client".into()
            }),
            ("oauth2.tenant_id", |o| o.tenant_id = "contoso.com".into()),
            ("oauth2.login_email", |o| o.login_email = ALEX.into()),
            ("oauth2.scopes", |o| {
                o.scopes = vec![
                    "https://outlook.office.com/SMTP.Send".into(),
                    "offline_access".into(),
                ];
            }),
        ];
        for (n, (path, change)) in changes.into_iter().enumerate() {
            let id = format!("service-{n}");
            house.ready(&id, house.service(ADELE)).await;
            let mut changed = v1::Service {
                service_id: id.clone(),
                ..house.service(ADELE)
            };
            change(oauth2(&mut changed));
            let after = house.update(changed, &[path]).await.unwrap();
            assert_eq!(after.state(), ServiceState::PendingAuthorization, "{path}");
            assert_eq!(after.authorization, None, "{path}");
            assert_eq!(hint(after), "001", "{path}");
            assert!(!house.test(&id, ALEX).await.passed, "{path}");
        }
    });
}

#[test]
fn names_labels_limits_and_secrets_change_nothing_else() {
    run(async {
        let house = House::start().await;
        let before = house.ready_service().await;
        let mut changed = settings(&house);
        changed.display_name = "Another name".into();
        changed.labels.insert("a".into(), "b".into());
        let sender = changed.sender.as_mut().unwrap();
        sender.name = "Adele".into();
        sender.reply_to = ALEX.into();
        changed.delivery = Some(v1::Delivery {
            messages_per_minute: Some(5),
            ..v1::Delivery::default()
        });
        oauth2(&mut changed).next_client_secret = "the-next-secret-xyz".into();
        let paths = [
            "display_name",
            "labels",
            "sender.name",
            "sender.reply_to",
            "delivery",
            "oauth2.next_client_secret",
        ];
        let mut after = house.update(changed, &paths).await.unwrap();
        assert_eq!(after.state(), ServiceState::Ready);
        assert_eq!(after.authorization, before.authorization);
        assert_eq!(after.last_test, before.last_test);
        assert_eq!(oauth2(&mut after).next_client_secret_hint, "xyz");
        assert_eq!(oauth2(&mut after).client_secret_hint, "001");
    });
}

#[test]
fn mail_that_waits_goes_to_a_new_host_only_after_its_test() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let held = house.mail_to(&["ann@contoso.com"]).await.message_id;
        let mut moved = settings(&house);
        moved.smtp.as_mut().unwrap().host = "127.0.0.1".into();
        let paths = ["smtp.host", "oauth2.client_secret"];
        house.update(moved, &paths).await.unwrap();
        let resumed = house.resume("adele").await;
        assert_eq!(resumed.state(), ServiceState::PendingTest);
        assert_eq!(house.message(&held).await.state(), v1::MessageState::Held);
        assert!(house.test("adele", ALEX).await.passed);
        house.message_in(&held, v1::MessageState::Sent).await;
    });
}

#[test]
fn another_sender_asks_for_a_test_and_keeps_the_grant() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut changed = settings(&house);
        changed.sender.as_mut().unwrap().address = super::requests::NOREPLY.into();
        let after = house.update(changed, &["sender.address"]).await.unwrap();
        assert_eq!(after.state(), ServiceState::PendingTest);
        assert!(after.authorization.is_some());
        let send = house.try_send(super::requests::text_to(&[ALEX])).await;
        super::fault::refused(send, tonic::Code::FailedPrecondition, "SERVICE_NOT_TESTED");
    });
}

#[test]
fn secrets_are_never_shown_and_an_empty_one_changes_nothing() {
    run(async {
        let house = House::start().await;
        let mut created = house.create("adele", house.service(ADELE)).await;
        let shown = oauth2(&mut created);
        assert_eq!(
            (
                shown.client_secret.as_str(),
                shown.next_client_secret.as_str()
            ),
            ("", "")
        );
        // What was read is sent back whole: the secret stays.
        created.service_id = "adele".into();
        let after = house.update(created.clone(), &["oauth2"]).await.unwrap();
        assert_eq!(hint(after), "001");
        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        let cleared = house.get("adele").await;
        let after = house
            .update(cleared, &["oauth2.client_secret"])
            .await
            .unwrap();
        assert_eq!(hint(after), "");
    });
}

#[test]
fn a_mask_that_is_empty_or_names_what_is_not_to_be_set_is_refused() {
    run(async {
        let house = House::start().await;
        let before = house.create("adele", house.service(ADELE)).await;
        invalid(house.update(settings(&house), &[]).await, &["update_mask"]);
        for path in [
            "state",
            "service_id",
            "etag",
            "oauth2.client_secret_hint",
            "smtp.nothing",
            "Display_Name",
            "",
        ] {
            let answer = house.update(settings(&house), &[path]).await;
            let fault =
                super::fault::refused(answer, tonic::Code::InvalidArgument, "INVALID_FIELD");
            assert!(
                fault
                    .fields
                    .iter()
                    .all(|field| field.starts_with("update_mask")),
                "{fault:?}"
            );
        }
        let nobody = v1::Service {
            service_id: "nobody".into(),
            ..house.service(ADELE)
        };
        let answer = house.update(nobody, &["display_name"]).await;
        super::fault::refused(answer, tonic::Code::NotFound, "SERVICE_NOT_FOUND");
        assert_eq!(house.get("adele").await, before);
    });
}

#[test]
fn a_made_up_secret_takes_no_grant_along_to_a_new_host() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut moved = settings(&house);
        moved.smtp.as_mut().unwrap().host = "127.0.0.1".into();
        oauth2(&mut moved).client_secret = "made-up-and-long-enough".into();
        let paths = ["smtp.host", "oauth2.client_secret"];
        let after = house.update(moved, &paths).await.unwrap();
        assert_eq!(after.state(), ServiceState::PendingAuthorization);
        let auths = house.control().stats().auths;
        assert!(!house.test("adele", ALEX).await.passed);
        assert_eq!(house.control().stats().auths, auths);
    });
}
