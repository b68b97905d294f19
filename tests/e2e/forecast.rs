//! A service tells ahead of time that its client secret will expire, and goes on sending.

use std::time::Duration;

use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState, WatchPosition};

use super::harness::{House, START, run};
use super::requests::{ADELE, ALEX, oauth2};
use super::watch::Feed;

const DAY: i64 = 24 * 3_600;

/// Days after the start.
fn day(days: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: START + days * DAY,
        nanos: 0,
    }
}

impl House {
    /// "adele", whose client secret expires on the hundredth day.
    async fn expiring(&self) -> v1::Service {
        let mut service = self.service(ADELE);
        oauth2(&mut service).client_secret_expire_time = Some(day(100));
        self.ready("adele", service).await
    }
}

/// The next event of a service that has a problem, and those before it.
async fn warned(feed: &mut Feed) -> (v1::ServiceEvent, Vec<Event>) {
    let warns = |event: &Event| matches!(event, Event::Service(event) if event.service.as_ref().is_some_and(|service| service.problem.is_some()));
    let mut seen = feed.until(warns).await;
    match seen.pop() {
        Some(Event::Service(event)) => (*event, seen),
        other => panic!("no service: {other:?}"),
    }
}

#[test]
fn a_secret_that_will_expire_is_told_of_thrice_while_mail_goes_on() {
    run(async {
        let house = House::start().await;
        let before = house.expiring().await;
        assert_eq!(before.problem, None);
        let mut feed = house.watch_from(WatchPosition::Now).await;
        for days in [70, 93, 99] {
            house.advance_to(day(days));
            let (event, quiet) = warned(&mut feed).await;
            assert!(!quiet.iter().any(|event| matches!(event, Event::Service(_))));
            assert_eq!(event.previous_state(), ServiceState::Ready);
            let service = event.service.unwrap();
            assert_eq!(service.state(), ServiceState::Ready);
            assert_eq!(service.etag, before.etag, "no setting changed");
            let problem = service.problem.unwrap();
            assert_eq!(problem.reason(), Reason::ClientSecretExpiresSoon);
            assert_eq!(problem.since_time, Some(day(70)));
            assert!(
                problem.summary.contains("2025-11-12T11:15:30Z"),
                "{problem:?}"
            );
            assert!(problem.remedy.contains("next_client_secret"));
            assert_eq!(house.get("adele").await.problem, Some(problem));

            let sent = house.mail_to(&[ALEX]).await;
            assert_eq!((sent.state(), sent.problem), (MessageState::Queued, None));
            let sent = house.message_in(&sent.message_id, MessageState::Sent).await;
            assert_eq!(sent.problem, None);
        }
    });
}

#[test]
fn a_new_secret_or_one_that_follows_ends_the_forecast() {
    run(async {
        let house = House::start().await;
        house.expiring().await;
        house.advance(Duration::from_secs(80 * 24 * 3_600));
        assert!(house.get("adele").await.problem.is_some());
        let mut service = house.service(ADELE);
        service.service_id = "adele".into();
        let settings = oauth2(&mut service);
        settings.next_client_secret = "the-next-secret-xyz".into();
        let next = "oauth2.next_client_secret";
        let followed = house.update(service.clone(), &[next]).await.unwrap();
        assert_eq!(followed.problem, None);
        oauth2(&mut service).next_client_secret = String::new();
        let cleared = house.update(service.clone(), &[next]).await.unwrap();
        assert!(cleared.problem.is_some());

        // A new secret without a date of its own has none.
        oauth2(&mut service).client_secret = "another-new-secret".into();
        let secret = "oauth2.client_secret";
        let mut changed = house.update(service.clone(), &[secret]).await.unwrap();
        assert_eq!(changed.problem, None);
        assert_eq!(oauth2(&mut changed).client_secret_expire_time, None);
        // One that is set says so at once.
        oauth2(&mut service).client_secret_expire_time = Some(day(81));
        let time = "oauth2.client_secret_expire_time";
        let dated = house.update(service, &[time]).await.unwrap();
        assert_eq!(
            dated.problem.unwrap().reason(),
            Reason::ClientSecretExpiresSoon
        );
    });
}

#[test]
fn what_keeps_a_service_from_sending_is_shown_before_what_will() {
    run(async {
        let house = House::start().await;
        house.expiring().await;
        house.advance(Duration::from_secs(95 * 24 * 3_600));
        let problem = house.suspend("adele").await.problem.unwrap();
        assert_eq!(problem.reason(), Reason::ServiceSuspended);
    });
}
