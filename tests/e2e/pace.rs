//! What a mailbox may send: Exchange Online's thirty a minute, kept without a refusal, and told.

use std::time::Duration;

use mailwright::model::Timestamp;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState};
use mailwright::sandbox::{Account, RateLimit, TENANT_ID};
use tonic::Code;
use tonic_types::StatusExt;

use super::fault::refused;
use super::harness::{House, START, run};
use super::requests::{ADELE, ALEX, text_to};

/// Between two messages of a busy mailbox, rounded up.
const GAP: Duration = Duration::from_micros(2_142_858);

/// A service with the provider's own limits.
async fn exchange(house: &House, id: &str) -> v1::Service {
    let mut service = house.service(ADELE);
    service.delivery = None;
    house.ready(id, service).await
}

/// Seconds from `start` to `time`.
fn after(start: Timestamp, time: Option<prost_types::Timestamp>) -> f64 {
    let time = time.unwrap();
    let micros = time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
    (micros - start.unix_micros()) as f64 / 1e6
}

#[test]
fn a_busy_mailbox_keeps_within_the_minute_and_its_estimates_come_true() {
    run(async {
        let house = House::start().await;
        house.control().rate_limit(RateLimit::Rejected(30));
        exchange(&house, "adele").await;
        house.advance(Duration::from_secs(60));
        let start = house.env.now();
        let mut estimates = Vec::new();
        for n in 0..60 {
            let to = format!("user{n}@contoso.com");
            let answer = house.send(text_to(&[&to])).await;
            estimates.push(after(start, answer.estimated_send_time));
        }
        // The test's, and the three that go at once.
        let control = house.control();
        control.wait_until(|stats| stats.delivered == 4).await;
        let budget = house.get("adele").await.budget.unwrap();
        assert_eq!(budget.day_remaining, Some(10_000 - 4));
        assert_eq!(budget.minute_remaining, Some(27));
        let drained = after(start, budget.estimated_drain_time);

        for n in 3..60 {
            house.advance(GAP);
            control.wait_until(|stats| stats.delivered == n + 2).await;
            let (now, told) = (
                house.env.now().since(start).as_secs_f64(),
                estimates[n as usize],
            );
            assert!((told - now).abs() <= now / 10.0 + 0.5, "{n}: {told} {now}");
        }
        let end = house.env.now().since(start).as_secs_f64();
        assert!((drained - end).abs() <= end / 10.0, "{drained} {end}");
        let stats = control.stats();
        assert_eq!((stats.rate_refused, stats.concurrency_refused), (0, 0));
    });
}

#[test]
fn a_test_beyond_the_minute_is_refused_with_the_time_to_come_back() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.delivery = Some(v1::Delivery {
            messages_per_minute: Some(1),
            ..v1::Delivery::default()
        });
        house.ready("adele", service).await;
        let again = v1::SendTestRequest {
            service_id: "adele".into(),
            to: ALEX.into(),
        };
        let answer = house.admin().send_test(again.clone()).await;
        let details = answer.as_ref().unwrap_err().get_error_details();
        let wait = details.retry_info().unwrap().retry_delay;
        assert_eq!(wait, Some(Duration::from_secs(60)));
        refused(answer, Code::ResourceExhausted, "RATE_LIMITED");
        house.advance(Duration::from_secs(60));
        assert!(
            house
                .admin()
                .send_test(again)
                .await
                .unwrap()
                .into_inner()
                .passed
        );
    });
}

#[test]
fn a_mailbox_that_others_crowd_slows_down_and_spends_no_attempt() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        // Another program holds two of the three.
        house.control().concurrent_submissions(1);
        house.control().hold_data_reply(true);
        let mut feed = house.watch_from(v1::WatchPosition::Now).await;
        let mut ids = Vec::new();
        for n in 0..3 {
            // Due together, so that all three are under way before one is refused.
            let request = v1::SendRequest {
                send_time: Some(prost_types::Timestamp {
                    seconds: START + 10,
                    nanos: 0,
                }),
                ..text_to(&[&format!("user{n}@contoso.com")])
            };
            ids.push(house.send(request).await.message_id);
        }
        house.advance(Duration::from_secs(10));
        let mut deferred = 0;
        while deferred < 2 {
            if let Some(Event::Message(event)) = feed.next().await.unwrap().event
                && event.previous_state() == MessageState::Sending
            {
                assert_eq!(event.message.unwrap().state(), MessageState::Queued);
                deferred += 1;
            }
        }
        let control = house.control();
        assert_eq!(control.stats().concurrency_refused, 2);
        control.hold_data_reply(false);
        house.advance(Duration::from_secs(60));
        for id in ids {
            let sent = house.message_in(&id, MessageState::Sent).await;
            for attempt in sent.attempts.iter().filter(|a| a.diagnosis.is_some()) {
                let reason = attempt.diagnosis.as_ref().unwrap().reason();
                assert_eq!(reason, Reason::ConcurrencyLimited);
            }
        }
        assert_eq!(control.stats().concurrency_refused, 2, "it learned");
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn a_refusal_of_the_tenant_holds_the_mail_of_all_its_mailboxes() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.ready("alex", house.service(ALEX)).await;
        let control = house.control();
        let refusal = "550 5.7.705 Access denied, tenant has exceeded threshold";
        for mailbox in [ADELE, ALEX] {
            control.submission_reply(mailbox, Some(refusal));
        }
        let first = house.mail_to(&[ALEX]).await;
        let held = house
            .message_in(&first.message_id, MessageState::Held)
            .await;
        assert_eq!(held.problem.unwrap().reason(), Reason::TenantBlocked);
        let delivered = control.stats().delivered;
        let by_alex = v1::SendRequest {
            service_id: "alex".into(),
            ..text_to(&[ADELE])
        };
        let second = house.send(by_alex).await;
        assert_eq!(second.state(), MessageState::Held);
        assert_eq!(house.get("alex").await.state(), ServiceState::Blocked);
        for mailbox in [ADELE, ALEX] {
            control.submission_reply(mailbox, None);
        }
        house.advance(Duration::from_secs(60));
        for id in [first.message_id, second.message_id] {
            house.message_in(&id, MessageState::Sent).await;
        }
        assert_eq!(control.stats().delivered, delivered + 2);
    });
}

#[test]
fn mailboxes_whose_servers_hang_hold_up_no_other() {
    run(async {
        let house = House::start().await;
        let mut ids = Vec::new();
        for n in 0..12 {
            let (id, email) = (format!("svc-{n}"), format!("user{n}@contoso.com"));
            house.control().put_account(Account::new(&email, TENANT_ID));
            house.ready(&id, house.service(&email)).await;
            ids.push(id);
        }
        let (hanging, healthy) = ids.split_at(4);
        for id in hanging {
            for _ in 0..5 {
                let request = text_to(&["slow@contoso.com"]);
                let service_id = id.clone();
                house
                    .send(v1::SendRequest {
                        service_id,
                        ..request
                    })
                    .await;
            }
        }
        let control = house.control();
        control.wait_until(|stats| stats.held == 4 * 3).await;
        for id in healthy {
            let service_id = id.clone();
            let request = v1::SendRequest {
                service_id,
                ..text_to(&[ALEX])
            };
            let sent = house.send(request).await;
            house.message_in(&sent.message_id, MessageState::Sent).await;
        }
        assert_eq!(control.stats().held, 4 * 3);
        control.release();
    });
}

#[test]
fn a_recipient_who_gets_too_much_holds_up_nobody_else() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let control = house.control();
        let refusal = "450 4.2.1 The user you are trying to contact is receiving mail too quickly";
        control.submission_reply(ADELE, Some(refusal));
        let mut feed = house.watch_from(v1::WatchPosition::Now).await;
        let busy = house.mail_to(&["busy@contoso.com"]).await;
        let deferred = |event: &Event| match event {
            Event::Message(event) => event.previous_state() == MessageState::Sending,
            _ => false,
        };
        feed.until(deferred).await;
        control.submission_reply(ADELE, None);
        let other = house.mail_to(&[ALEX]).await;
        house
            .message_in(&other.message_id, MessageState::Sent)
            .await;
        house.advance(Duration::from_secs(15 * 60));
        house.message_in(&busy.message_id, MessageState::Sent).await;
    });
}
