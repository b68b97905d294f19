//! The feed, followed over breaks: it goes on from the newest cursor that was handled.

use super::Failed;
use super::again::{Again, PAUSE};
use super::client::refused;
use super::remote::{Session, answered};
use crate::rpc::proto::v1::{self, watch_status_request::Start};

/// One request of the feed, and how far it has been read.
pub struct Follow<'a> {
    session: &'a Session,
    request: v1::WatchStatusRequest,
    stream: Option<tonic::Streaming<v1::WatchStatusResponse>>,
    again: Again,
}

impl<'a> Follow<'a> {
    /// Follows what this request asks for.
    pub fn new(session: &'a Session, request: v1::WatchStatusRequest) -> Self {
        Self {
            session,
            request,
            stream: None,
            again: Again::new(&session.env),
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
                    self.again.worked();
                    self.request.start = Some(Start::Cursor(event.cursor.clone()));
                    return Ok(event);
                }
                Ok(None) => None,
                Err(status) => Some(status),
            };
            self.stream = None;
            if let Some(status) = broke
                && !self.again.is_of_use(&status)
            {
                return Err(refused(&status));
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
