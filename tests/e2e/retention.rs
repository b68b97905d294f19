//! What has ended is kept for seven days and then forgotten; who comes back later is told so, and
//! how to go on.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState};
use tonic::Code;

use super::fault::refused;
use super::harness::{House, START, run};
use super::requests::{ALEX, text_to};
use super::watch::message_of;

const HOUR: Duration = Duration::from_secs(3_600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

#[test]
fn a_message_and_its_events_are_kept_for_seven_days_and_no_longer() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let before = house.info().await.oldest_cursor;
        house.advance(HOUR);
        let sent = house.mail_to(&[ALEX]).await;
        let ended = house.message_in(&sent.message_id, MessageState::Sent).await;

        // A week after what came before it, but not after its own end.
        house.advance(WEEK - HOUR);
        refused(
            house.trimmed(&before).await,
            Code::OutOfRange,
            "CURSOR_OUT_OF_RANGE",
        );
        assert_eq!(house.message(&sent.message_id).await, ended);
        let told = house.watch(&sent.cursor).await.so_far().await;
        let of_it = told.iter().filter_map(|r| message_of(r.event.as_ref()?));
        let states: Vec<_> = of_it.map(|message| message.state()).collect();
        assert!(states.ends_with(&[MessageState::Sending, MessageState::Sent]));

        house.advance(HOUR);
        let late = house.trimmed(&sent.cursor).await;
        let late = refused(late, Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
        assert!(late.message.contains("ListMessages"), "{late:?}");
        let request = v1::GetMessageRequest {
            message_id: sent.message_id,
        };
        let gone = house.mail().get_message(request).await;
        refused(gone, Code::NotFound, "MESSAGE_NOT_FOUND");
        assert!(listed(&house).await.is_empty());
        goes_on_as_documented(&house).await;
    });
}

/// The newest cursor, then the present states, then the feed from that cursor.
async fn goes_on_as_documented(house: &House) {
    let info = house.info().await;
    let place = info.newest_cursor;
    let known = listed(house).await;
    assert!(house.watch(&info.oldest_cursor).await.next().await.is_ok());
    let sent = house.mail_to(&[ALEX]).await;
    let mut feed = house.watch(&place).await;
    feed.message(&sent.message_id, MessageState::Sent).await;
    assert_eq!(listed(house).await.len(), known.len() + 1);
}

async fn listed(house: &House) -> Vec<v1::Message> {
    let request = v1::ListMessagesRequest::default();
    let page = house.mail().list_messages(request).await.unwrap();
    page.into_inner().messages
}

fn numbered(id: &str, service: &str) -> v1::SendRequest {
    v1::SendRequest {
        request_id: id.into(),
        service_id: service.into(),
        ..text_to(&[ALEX])
    }
}

#[test]
fn a_request_id_is_known_for_a_day_and_as_long_as_its_message_has_not_ended() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.ready("alex", house.service(ALEX)).await;
        house.suspend("alex").await;
        let expire_time = Some(prost_types::Timestamp {
            seconds: START + 3 * 24 * 3_600,
            nanos: 0,
        });
        let order = || v1::SendRequest {
            expire_time,
            ..numbered("order-1", "alex")
        };
        let held = house.send(order()).await;
        let sent = house.send(numbered("order-2", "adele")).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;

        house.advance(24 * HOUR - Duration::from_secs(1));
        let again = house.send(numbered("order-2", "adele")).await;
        assert!(again.deduplicated);
        assert_eq!(again.message_id, sent.message_id);
        // The sweep turns every half minute.
        let next = loop {
            house.advance(Duration::from_secs(30));
            let next = house.send(numbered("order-2", "adele")).await;
            if !next.deduplicated {
                break next;
            }
        };
        assert_ne!(next.message_id, sent.message_id);
        let kept = house.message(&sent.message_id).await;
        assert_eq!(kept.state(), MessageState::Sent, "only its id is free");

        let again = house.send(order()).await;
        assert!(again.deduplicated, "it is still held");
        assert_eq!(again.message_id, held.message_id);
        house.resume("alex").await;
        house.message_in(&held.message_id, MessageState::Sent).await;
    });
}
