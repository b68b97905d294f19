//! The feed tells every change once, in order, to whoever it concerns.

use std::time::Duration;

use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{
    self, EventKind, MessageState, RecipientOutcome, ServiceState, WatchPosition,
};

use super::harness::{House, run};
use super::requests::{ADELE, ALEX, text_to};
use super::watch::{from, message_of};

#[test]
fn a_watcher_from_the_oldest_sees_the_whole_life_of_a_service() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        house.resume("adele").await;
        let mut feed = house.watch_from(WatchPosition::Oldest).await;
        let seen = feed.so_far().await;
        let states: Vec<_> = seen
            .iter()
            .filter_map(|response| match response.event.as_ref()? {
                Event::Service(event) => {
                    Some((event.previous_state(), event.service.as_ref()?.state()))
                }
                Event::Message(_) | Event::Heartbeat(_) => None,
            })
            .collect();
        use ServiceState::{PendingAuthorization, PendingTest, Ready, Suspended, Unspecified};
        let life = [
            (Unspecified, PendingAuthorization),
            (PendingAuthorization, PendingTest),
            (PendingTest, Ready),
            (Ready, Suspended),
            (Suspended, Ready),
        ];
        assert_eq!(states, life);
        let mut cursors: Vec<_> = seen.iter().map(|response| &response.cursor).collect();
        cursors.dedup();
        assert_eq!(cursors.len(), seen.len());
    });
}

#[test]
fn each_event_of_a_message_begins_where_the_one_before_ended() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let request = v1::SendRequest {
            request_id: "order-1".into(),
            labels: [("kind".to_owned(), "invoice".to_owned())].into(),
            ..text_to(&["greylist@contoso.com", "ann@contoso.com"])
        };
        let message = house.deferred(request).await;
        house.next_attempt(&message, MessageState::Sent).await;
        let mut feed = house.watch_from(WatchPosition::Oldest).await;
        let id = &message.message_id;
        let is_last = |event: &Event| {
            message_of(event)
                .is_some_and(|m| m.message_id == *id && m.state() == MessageState::Sent)
        };
        let mut previous = MessageState::Unspecified;
        let mut states = Vec::new();
        let mut changed = Vec::new();
        for event in feed.until(is_last).await {
            let Event::Message(event) = event else {
                continue;
            };
            let message = event.message.clone().unwrap();
            if message.message_id != *id {
                continue;
            }
            assert_eq!(event.previous_state(), previous);
            assert_eq!(message.request_id, "order-1");
            assert_eq!(message.labels["kind"], "invoice");
            assert!(message.recipients.is_empty());
            previous = message.state();
            states.push(previous);
            changed.extend(
                event
                    .changed_recipients
                    .into_iter()
                    .map(|r| (r.address.clone(), r.outcome())),
            );
        }
        use MessageState::{Queued, Sending, Sent};
        assert_eq!(states, [Queued, Sending, Queued, Sending, Sent]);
        let expected = [
            ("greylist@contoso.com", RecipientOutcome::Pending),
            ("ann@contoso.com", RecipientOutcome::Accepted),
            ("greylist@contoso.com", RecipientOutcome::Accepted),
        ];
        assert_eq!(
            changed,
            expected.map(|(address, outcome)| (address.to_owned(), outcome))
        );
    });
}

#[test]
fn filters_leave_through_only_what_they_name() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.ready("alex", house.service(ALEX)).await;
        let one = house.send(v1::SendRequest {
            labels: [("kind".to_owned(), "invoice".to_owned())].into(),
            ..text_to(&[ALEX])
        });
        let one = one.await;
        house.message_in(&one.message_id, MessageState::Sent).await;
        let two = house.send(v1::SendRequest {
            service_id: "alex".into(),
            ..text_to(&[ADELE])
        });
        let two = two.await;
        house.message_in(&two.message_id, MessageState::Sent).await;
        let all = || from(WatchPosition::Oldest);

        let by_message = v1::WatchStatusRequest {
            message_ids: vec![two.message_id.clone()],
            ..all()
        };
        assert_eq!(
            told(&house, by_message).await,
            vec![format!("message {}", two.message_id); 3]
        );
        let by_label = v1::WatchStatusRequest {
            labels: [("kind".to_owned(), "invoice".to_owned())].into(),
            ..all()
        };
        assert_eq!(
            told(&house, by_label).await,
            vec![format!("message {}", one.message_id); 3]
        );
        let by_both = v1::WatchStatusRequest {
            service_ids: vec!["alex".into()],
            labels: [("kind".to_owned(), "invoice".to_owned())].into(),
            ..all()
        };
        assert!(told(&house, by_both).await.is_empty());
        let services = v1::WatchStatusRequest {
            service_ids: vec!["alex".into()],
            kinds: vec![EventKind::Service.into()],
            ..all()
        };
        assert_eq!(told(&house, services).await, ["service alex"; 3]);
        let messages = v1::WatchStatusRequest {
            kinds: vec![EventKind::Message.into()],
            ..all()
        };
        let messages = told(&house, messages).await;
        assert!(
            messages.len() == 8 && messages.iter().all(|line| line.starts_with("message ")),
            "{messages:?}"
        );
    });
}

/// What a watcher is told of the past.
async fn told(house: &House, request: v1::WatchStatusRequest) -> Vec<String> {
    let mut feed = house.try_watch(request).await.unwrap();
    let seen = feed.so_far().await.into_iter();
    seen.map(|response| match response.event.unwrap() {
        Event::Message(event) => format!("message {}", event.message.unwrap().message_id),
        Event::Service(event) => format!("service {}", event.service.unwrap().service_id),
        Event::Heartbeat(_) => "heartbeat".to_owned(),
    })
    .collect()
}

#[test]
fn a_heartbeat_comes_in_time_and_moves_past_what_was_left_out() {
    run(async {
        let house = House::start().await;
        let request = v1::WatchStatusRequest {
            service_ids: vec!["nobody".into()],
            ..from(WatchPosition::Now)
        };
        let mut feed = house.try_watch(request).await.unwrap();
        let first = feed.next().await.unwrap();
        assert!(matches!(first.event, Some(Event::Heartbeat(_))));
        house.create("adele", house.service(ADELE)).await;
        house.advance(Duration::from_secs(1));
        let second = feed.next().await.unwrap();
        assert!(matches!(second.event, Some(Event::Heartbeat(_))));
        assert_ne!(second.cursor, first.cursor);
        assert_eq!(
            second.event_time.unwrap().seconds,
            super::harness::START + 1
        );
        assert!(house.watch(&second.cursor).await.so_far().await.is_empty());
        assert_eq!(house.watch(&first.cursor).await.so_far().await.len(), 1);
    });
}

#[test]
fn a_deleted_service_is_told_by_its_name_alone() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let mut feed = house.watch_from(WatchPosition::Now).await;
        let request = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            ..v1::DeleteServiceRequest::default()
        };
        house.admin().delete_service(request).await.unwrap();
        let gone = feed.service("adele", ServiceState::Unspecified).await;
        assert_eq!(gone.display_name, "Mail of adele@contoso.com");
        assert_eq!((gone.smtp, gone.auth, gone.etag.as_str()), (None, None, ""));
    });
}
