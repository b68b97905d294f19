//! A cursor is a place: nothing behind it is lost, and one that is no place here is refused.

use std::time::Duration;

use mailwright::rpc::proto::v1::{MessageState, WatchPosition};
use tonic::Code;

use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ALEX, text_to};
use super::watch::{from_cursor, message_of};

#[test]
fn the_cursor_of_a_send_misses_none_of_its_messages_events() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        for _ in 0..5 {
            let sent = house.mail_to(&[ALEX]).await;
            // However far the message is by now.
            house.message_in(&sent.message_id, MessageState::Sent).await;
            let mut feed = house.watch(&sent.cursor).await;
            let states: Vec<_> = feed
                .so_far()
                .await
                .iter()
                .filter_map(|response| message_of(response.event.as_ref()?))
                .filter(|message| message.message_id == sent.message_id)
                .map(|message| message.state())
                .collect();
            assert!(
                states.ends_with(&[MessageState::Sending, MessageState::Sent]),
                "{states:?}"
            );
        }
    });
}

#[test]
fn a_watcher_goes_on_where_it_was_without_gap_or_repeat() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house.mail_to(&[ALEX, "refused@contoso.com"]).await;
        house
            .message_in(&sent.message_id, MessageState::Partial)
            .await;
        let whole = house.watch_from(WatchPosition::Oldest).await.so_far().await;
        assert!(whole.len() > 5);
        for (n, event) in whole.iter().enumerate() {
            let rest = house.watch(&event.cursor).await.so_far().await;
            assert_eq!(rest, whole[n + 1..]);
        }
        let info = house.info().await;
        let all = house.watch(&info.oldest_cursor).await.so_far().await;
        assert_eq!(all, whole);
        assert!(
            house
                .watch(&info.newest_cursor)
                .await
                .so_far()
                .await
                .is_empty()
        );
        assert_eq!(whole.last().unwrap().cursor, info.newest_cursor);
        let message = house.message(&sent.message_id).await;
        assert!(house.watch(&message.cursor).await.so_far().await.is_empty());
    });
}

#[test]
fn a_cursor_of_another_store_or_of_the_future_is_out_of_range() {
    run(async {
        let house = House::start().await;
        let newest = house.info().await.newest_cursor;
        // The epoch is in the first half, the place in the second.
        let foreign = format!("B{}", &newest[1..]);
        let future = format!("{}_____w", &newest[..16]);
        for cursor in [foreign, future] {
            let answer = house.try_watch(from_cursor(&cursor)).await;
            let fault = refused(answer, Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
            assert!(fault.message.contains("GetServerInfo"), "{fault:?}");
        }
    });
}

#[test]
fn a_cursor_older_than_what_is_kept_is_out_of_range_and_the_way_on_works() {
    run(async {
        let house = House::with(|config| config.data.retention_days = 1).await;
        house.ready_service().await;
        let old = house.info().await.oldest_cursor;
        house.watch(&old).await.so_far().await;
        let mut feed = house.watch_from(WatchPosition::Now).await;
        house.advance(Duration::from_secs(2 * 86_400));
        // The sweep follows the clock; a message's end is behind it.
        let sent = house.send(text_to(&[ALEX])).await;
        feed.message(&sent.message_id, MessageState::Sent).await;
        let trimmed = house.trimmed(&old).await;
        refused(trimmed, Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
        let info = house.info().await;
        assert_ne!(info.oldest_cursor, old);
        house.watch(&info.oldest_cursor).await.so_far().await;
    });
}

#[test]
fn what_happens_while_nobody_watches_is_told_later() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut feed = house.watch_from(WatchPosition::Now).await;
        let place = feed.next().await.unwrap().cursor;
        drop(feed);
        let mut ids = Vec::new();
        for n in 0..10 {
            let to = format!("user{n}@contoso.com");
            ids.push(house.mail_to(&[&to]).await.message_id);
        }
        for id in &ids {
            house.message_in(id, MessageState::Sent).await;
        }
        let seen = house.watch(&place).await.so_far().await;
        for id in &ids {
            let of_it = seen
                .iter()
                .filter_map(|response| message_of(response.event.as_ref()?));
            let states: Vec<_> = of_it
                .filter(|m| m.message_id == *id)
                .map(|m| m.state())
                .collect();
            assert_eq!(
                states,
                [
                    MessageState::Queued,
                    MessageState::Sending,
                    MessageState::Sent
                ]
            );
        }
        assert_eq!(seen.len(), 30);
    });
}
