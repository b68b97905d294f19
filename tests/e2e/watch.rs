//! A watcher of the feed.

use std::time::Duration;

use mailwright::rpc::proto::v1::watch_status_request::Start;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState, ServiceState, WatchPosition};
use tonic::{Status, Streaming};

use super::harness::House;

/// An open stream.
#[derive(Debug)]
pub struct Feed(Streaming<v1::WatchStatusResponse>);

impl House {
    pub async fn try_watch(&self, request: v1::WatchStatusRequest) -> Result<Feed, Status> {
        Ok(Feed(
            self.status().watch_status(request).await?.into_inner(),
        ))
    }

    /// Everything behind a cursor.
    pub async fn watch(&self, cursor: &str) -> Feed {
        self.try_watch(from_cursor(cursor)).await.unwrap()
    }

    /// Everything from here on.
    pub async fn watch_from(&self, position: WatchPosition) -> Feed {
        self.try_watch(from(position)).await.unwrap()
    }

    /// What the server says of itself.
    pub async fn info(&self) -> v1::GetServerInfoResponse {
        let request = v1::GetServerInfoRequest {};
        let answer = self.admin().get_server_info(request).await;
        answer.unwrap().into_inner()
    }

    /// What a watcher from `cursor` meets once the sweep has been there.
    pub async fn trimmed(&self, cursor: &str) -> Result<v1::WatchStatusResponse, tonic::Status> {
        loop {
            let mut feed = self.try_watch(from_cursor(cursor)).await?;
            // Each heartbeat wakes it; the sweep turns every half minute.
            self.advance(Duration::from_secs(30));
            while let Ok(event) = feed.next().await {
                if event
                    .event
                    .is_some_and(|event| message_of(&event).is_none())
                {
                    break;
                }
            }
        }
    }
}

impl Feed {
    /// The next event, heartbeats included.
    pub async fn next(&mut self) -> Result<v1::WatchStatusResponse, Status> {
        let event = self.0.message().await?;
        // Shown only where a test fails or hangs.
        println!("event {event:?}");
        event.ok_or_else(|| Status::ok("the stream ended"))
    }

    /// All up to the event that satisfies the condition, which is the last; no heartbeats.
    pub async fn until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.next().await.unwrap().event.unwrap();
            if matches!(event, Event::Heartbeat(_)) {
                continue;
            }
            let done = last(&event);
            seen.push(event);
            if done {
                return seen;
            }
        }
    }

    /// All up to the first heartbeat: what was there already.
    pub async fn so_far(&mut self) -> Vec<v1::WatchStatusResponse> {
        let mut seen = Vec::new();
        loop {
            let event = self.next().await.unwrap();
            if matches!(event.event, Some(Event::Heartbeat(_))) {
                return seen;
            }
            seen.push(event);
        }
    }

    /// The event by which a message came into this state.
    pub async fn message(&mut self, id: &str, state: MessageState) -> v1::MessageEvent {
        let seen = self.until(|event| message_is(event, id, state)).await;
        match seen.into_iter().last() {
            Some(Event::Message(event)) => *event,
            other => panic!("not of a message: {other:?}"),
        }
    }

    /// Why an authorization failed, as the next service that changes tells.
    pub async fn failed_authorization(&mut self) -> v1::Diagnosis {
        let of_service = |event: &Event| matches!(event, Event::Service(_));
        match self.until(of_service).await.into_iter().last() {
            Some(Event::Service(event)) => event.service.unwrap().failed_authorization.unwrap(),
            other => panic!("not of a service: {other:?}"),
        }
    }

    /// A service when it came into this state.
    pub async fn service(&mut self, id: &str, state: ServiceState) -> v1::Service {
        let is_it = |event: &Event| matches!(event, Event::Service(event) if event.service.as_ref().is_some_and(|s| s.service_id == id && s.state() == state));
        match self.until(is_it).await.into_iter().last() {
            Some(Event::Service(event)) => event.service.unwrap(),
            other => panic!("not of a service: {other:?}"),
        }
    }
}

pub fn from(position: WatchPosition) -> v1::WatchStatusRequest {
    v1::WatchStatusRequest {
        start: Some(Start::Position(position.into())),
        ..v1::WatchStatusRequest::default()
    }
}

pub fn from_cursor(cursor: &str) -> v1::WatchStatusRequest {
    v1::WatchStatusRequest {
        start: Some(Start::Cursor(cursor.into())),
        ..v1::WatchStatusRequest::default()
    }
}

/// The message of an event.
pub fn message_of(event: &Event) -> Option<&v1::Message> {
    match event {
        Event::Message(event) => event.message.as_ref(),
        Event::Service(_) | Event::Heartbeat(_) => None,
    }
}

fn message_is(event: &Event, id: &str, state: MessageState) -> bool {
    message_of(event).is_some_and(|message| message.message_id == id && message.state() == state)
}
