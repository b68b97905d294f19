//! S1, S2 and S7: a service is created, chosen among others, changed, stopped and deleted.

use mailwright::rpc::proto::v1::{self, MessageState, ServiceState};
use mailwright::sandbox::{App, FABRIKAM_TENANT_ID, TENANT_ID};
use tonic::Code;

use super::browser;
use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, oauth2, text_to};

const SINGLE: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn s1_a_service_has_name_host_port_address_reply_to_and_from_name() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.display_name = "Rechnungen (Zürich)".into();
        service.smtp = Some(v1::Smtp {
            host: "SMTP.office365.com".into(),
            ..v1::Smtp::default()
        });
        service.sender = Some(v1::Sender {
            address: "billing@contoso.com".into(),
            name: "Contoso Billing".into(),
            reply_to: "help@contoso.com".into(),
            allowed_addresses: vec!["dunning@contoso.com".into()],
        });
        service.labels.insert("team".into(), "finance".into());

        let created = house.create("billing", service.clone()).await;
        assert_eq!(created, house.get("billing").await);
        assert_eq!(created.service_id, "billing");
        assert_eq!(created.display_name, "Rechnungen (Zürich)");
        let smtp = created.smtp.clone().unwrap();
        assert_eq!((smtp.host.as_str(), smtp.port), ("smtp.office365.com", 587));
        assert_eq!(smtp.tls(), v1::TlsMode::Starttls);
        assert_eq!(created.sender, service.sender);
        assert_eq!(created.labels, service.labels);
        assert_eq!(created.state(), ServiceState::PendingAuthorization);
        let redirect = format!("http://localhost:{}/oauth2/callback", house.http.port());
        assert_eq!(created.redirect_uri, redirect);
    });
}

#[test]
fn s1_an_id_is_taken_once_and_generated_where_none_is_given() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let again = house.try_create("adele", house.service(ALEX)).await;
        refused(again, Code::AlreadyExists, "SERVICE_EXISTS");
        let one = house.create("", house.service(ADELE)).await;
        let two = house.create("", house.service(ADELE)).await;
        assert_ne!(one.service_id, two.service_id);
        assert_eq!(house.get(&one.service_id).await, one);
    });
}

#[test]
fn s1_reply_to_and_from_name_are_in_the_mail() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        let sender = service.sender.as_mut().unwrap();
        sender.name = "Contoso Billing".into();
        sender.reply_to = "help@contoso.com".into();
        house.ready("adele", service).await;
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        let mail = house.sandbox.mail().pop().unwrap();
        let text = String::from_utf8(mail.content).unwrap();
        assert!(
            text.contains("\"Contoso Billing\" <adele@contoso.com>"),
            "{text}"
        );
        assert!(text.contains("Reply-To: help@contoso.com"), "{text}");
        assert_eq!(mail.mail_from, ADELE);
    });
}

#[test]
fn s2_a_multi_tenant_application_takes_users_of_every_tenant() {
    run(async {
        let house = House::start().await;
        let megan = "megan@fabrikam.com";
        house.create("megan", house.service(megan)).await;
        let begun = house.begin("megan").await;
        assert!(
            begun
                .authorization_url
                .contains("/organizations/oauth2/v2.0/authorize?")
        );
        let page = house.authorize("megan", megan).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(house.test("megan", ALEX).await.passed);
    });
}

#[test]
fn s2_a_single_tenant_application_works_with_its_tenant_id_alone() {
    run(async {
        let house = House::start().await;
        let app = App {
            multi_tenant: false,
            ..App::new(SINGLE, "single-tenant-secret")
        };
        house.control().put_app(app);
        let mut service = house.service(ADELE);
        let settings = oauth2(&mut service);
        settings.client_id = SINGLE.into();
        settings.client_secret = "single-tenant-secret".into();
        house.create("adele", service.clone()).await;
        let refusal = browser::get(&house.begin("adele").await.authorization_url).await;
        assert_eq!(refusal.status, 400);
        assert!(refusal.body.contains("AADSTS50194"), "{}", refusal.body);

        service.service_id = "adele".into();
        oauth2(&mut service).tenant_id = TENANT_ID.into();
        house.update(service, &["oauth2.tenant_id"]).await.unwrap();
        let url = house.begin("adele").await.authorization_url;
        assert!(
            url.contains(&format!("/{TENANT_ID}/oauth2/v2.0/authorize?")),
            "{url}"
        );
        let page = house.authorize("adele", ADELE).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn s2_an_account_of_another_tenant_is_refused_by_a_tenant_id() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        oauth2(&mut service).tenant_id = FABRIKAM_TENANT_ID.into();
        house.create("adele", service).await;
        let url = house.begin("adele").await.authorization_url;
        let page = browser::submit(&url, ADELE, "accept").await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("AADSTS50020"), "{}", page.body);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::PendingAuthorization);
    });
}

#[test]
fn s7_services_are_found_by_a_part_of_their_name_by_labels_and_by_state() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        for (id, name, team) in [
            ("alpha", "Invoices North", "finance"),
            ("beta", "invoices South", "finance"),
            ("gamma", "Newsletter", "marketing"),
        ] {
            let mut service = house.service(ALEX);
            service.display_name = name.into();
            service.labels.insert("team".into(), team.into());
            house.create(id, service).await;
        }
        let by_name = v1::ListServicesRequest {
            display_name_contains: "INVOICES".into(),
            ..v1::ListServicesRequest::default()
        };
        assert_eq!(ids(&house, by_name).await, ["alpha", "beta"]);
        let by_label = v1::ListServicesRequest {
            labels: [("team".to_owned(), "marketing".to_owned())].into(),
            ..v1::ListServicesRequest::default()
        };
        assert_eq!(ids(&house, by_label).await, ["gamma"]);
        let by_state = v1::ListServicesRequest {
            states: vec![ServiceState::Ready.into()],
            ..v1::ListServicesRequest::default()
        };
        assert_eq!(ids(&house, by_state).await, ["adele"]);
        let all = v1::ListServicesRequest::default();
        assert_eq!(ids(&house, all).await, ["adele", "alpha", "beta", "gamma"]);
    });
}

/// All pages of two.
async fn ids(house: &House, mut request: v1::ListServicesRequest) -> Vec<String> {
    request.page_size = 2;
    let mut found = Vec::new();
    loop {
        let page = house.admin().list_services(request.clone()).await.unwrap();
        let page = page.into_inner();
        assert!(page.services.len() <= 2);
        found.extend(page.services.into_iter().map(|service| service.service_id));
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

#[test]
fn s7_an_edit_changes_what_its_mask_names_and_nothing_else() {
    run(async {
        let house = House::start().await;
        let before = house.ready_service().await;
        let mut edit = v1::Service {
            service_id: "adele".into(),
            display_name: "Renamed".into(),
            ..v1::Service::default()
        };
        edit.labels.insert("ignored".into(), "x".into());
        let after = house.update(edit, &["display_name"]).await.unwrap();
        assert_eq!(after.display_name, "Renamed");
        assert_ne!(after.etag, before.etag);
        let same = v1::Service {
            display_name: before.display_name.clone(),
            etag: before.etag.clone(),
            update_time: before.update_time,
            ..after
        };
        assert_eq!(same, before);
    });
}

#[test]
fn s7_an_edit_by_an_old_etag_is_aborted() {
    run(async {
        let house = House::start().await;
        let old = house.create("adele", house.service(ADELE)).await;
        let renamed = v1::Service {
            display_name: "First".into(),
            ..old.clone()
        };
        let new = house
            .update(renamed.clone(), &["display_name"])
            .await
            .unwrap();
        let late = house.update(renamed, &["display_name"]).await;
        refused(late, Code::Aborted, "ETAG_MISMATCH");
        let foreign = v1::Service {
            etag: "W/\"1\"".into(),
            ..new.clone()
        };
        let foreign = house.update(foreign, &["display_name"]).await;
        refused(foreign, Code::Aborted, "ETAG_MISMATCH");
        let request = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            etag: old.etag,
            cancel_pending: false,
        };
        let deleted = house.admin().delete_service(request).await;
        refused(deleted, Code::Aborted, "ETAG_MISMATCH");
        assert_eq!(house.get("adele").await, new);
    });
}

#[test]
fn s7_a_suspended_service_holds_mail_and_a_resumed_one_sends_it() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let before = house.sandbox.mail().len();
        let suspended = house.suspend("adele").await;
        assert_eq!(suspended.state(), ServiceState::Suspended);
        assert_eq!(house.suspend("adele").await, suspended);
        let held = house.mail_to(&[ALEX]).await;
        assert_eq!(held.state(), MessageState::Held);
        let problem = held.problem.expect("says why it is held");
        assert_eq!(problem.reason(), v1::Reason::ServiceSuspended);
        let test = v1::SendTestRequest {
            service_id: "adele".into(),
            to: ALEX.into(),
        };
        let test = house.admin().send_test(test).await;
        refused(test, Code::FailedPrecondition, "SERVICE_SUSPENDED");
        assert_eq!(house.sandbox.mail().len(), before);

        let resumed = house.resume("adele").await;
        assert_eq!(resumed.state(), ServiceState::Ready);
        let sent = house.message_in(&held.message_id, MessageState::Sent).await;
        assert_eq!(sent.problem, None);
        assert_eq!(house.sandbox.mail().len(), before + 1);
    });
}

#[test]
fn s7_a_service_with_unfinished_mail_is_deleted_only_with_its_mail() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let held = house.mail_to(&[ALEX]).await;
        let mut request = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            ..v1::DeleteServiceRequest::default()
        };
        let early = house.admin().delete_service(request.clone()).await;
        refused(early, Code::FailedPrecondition, "SERVICE_HAS_PENDING_MAIL");
        request.cancel_pending = true;
        house.admin().delete_service(request.clone()).await.unwrap();
        let message = house.message(&held.message_id).await;
        assert_eq!(message.state(), MessageState::Cancelled);
        let gone = house.admin().delete_service(request).await;
        refused(gone, Code::NotFound, "SERVICE_NOT_FOUND");
        let send = house.try_send(text_to(&[ALEX])).await;
        refused(send, Code::NotFound, "SERVICE_NOT_FOUND");
        let reused = house.try_create("adele", house.service(ADELE)).await;
        refused(reused, Code::AlreadyExists, "SERVICE_EXISTS");
    });
}

#[test]
fn s7_a_deletion_does_not_interrupt_the_transaction_that_runs() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().hold_data_reply(true);
        let sent = house.mail_to(&["ann@contoso.com"]).await;
        house.control().wait_until(|stats| stats.held == 1).await;
        let request = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            etag: String::new(),
            cancel_pending: true,
        };
        let mut admin = house.admin();
        let deletion = tokio::spawn(async move { admin.delete_service(request).await });
        house.service_in("adele", ServiceState::Suspended).await;
        assert!(!deletion.is_finished());
        house.control().hold_data_reply(false);
        deletion.await.unwrap().unwrap();
        let message = house.message(&sent.message_id).await;
        assert_eq!(message.state(), MessageState::Sent);
        assert_eq!(message.attempts.len(), 1);
    });
}
