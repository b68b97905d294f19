//! The feed, followed over breaks: it goes on from the newest cursor that was handled.

use std::time::Duration;

use tonic::Code;

use super::Failed;
use super::client::refused;
use super::remote::{Session, answered};
use crate::rpc::proto::v1::{self, watch_status_request::Start};

/// Between a break and the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// Tries in a row that may fail before a break counts as the end.
const TRIES_MAX: u32 = 60;

/// One request of the feed, and how far it has been read.
pub struct Follow<'a> {
    session: &'a Session,
    request: v1::WatchStatusRequest,
    stream: Option<tonic::Streaming<v1::WatchStatusResponse>>,
    tries: u32,
}

impl<'a> Follow<'a> {
    /// Follows what this request asks for.
    pub fn new(session: &'a Session, request: v1::WatchStatusRequest) -> Self {
        Self {
            session,
            request,
            stream: None,
            tries: 0,
        }
    }

    /// The next event, heartbeats included.
    ///
    /// # Errors
    /// What the server refused, and that it is gone for a minute.
    pub async fn next(&mut self) -> Result<v1::WatchStatusResponse, Failed> {
        loop {
            let broke = match self.step().await {
                Ok(Some(event)) => {
                    self.tries = 0;
                    self.request.start = Some(Start::Cursor(event.cursor.clone()));
                    return Ok(event);
                }
                Ok(None) => None,
                Err(status) => Some(status),
            };
            self.stream = None;
            self.tries += 1;
            if let Some(status) = broke {
                // A connection that ends in the middle is UNKNOWN or CANCELLED to this client.
                let may_mend = [Code::Unavailable, Code::Unknown, Code::Cancelled];
                if !may_mend.contains(&status.code()) || self.tries > TRIES_MAX {
                    return Err(refused(&status));
                }
            }
            self.session.env.sleep(PAUSE).await;
        }
    }

    async fn step(&mut self) -> Result<Option<v1::WatchStatusResponse>, tonic::Status> {
        if self.stream.is_none() {
            let request = self.session.connected.request(self.request.clone());
            let answer = self
                .session
                .connected
                .status()
                .watch_status(request)
                .await?;
            self.stream = Some(answer.into_inner());
        }
        match &mut self.stream {
            Some(stream) => stream.message().await,
            None => Ok(None),
        }
    }
}

/// The place behind the newest event: what happens from now on can't be missed from here.
///
/// # Errors
/// What the server refused.
pub async fn newest_cursor(session: &Session) -> Result<String, Failed> {
    let request = session.connected.request(v1::GetServerInfoRequest {});
    let info = answered(session.connected.admin().get_server_info(request).await)?;
    Ok(info.newest_cursor)
}
