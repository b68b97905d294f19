//! MailAPI: parse, call the operation, answer.

use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::convert::{self, again, message, requests, send as convert_send};
use super::proto::v1::{self, mail_api_server::MailApi};
use super::stream::Answers;
use super::trace;
use super::{Answer, Api};
use crate::keys::Caller;
use crate::model::send::SendInput;
use crate::model::{Error, MessageId};
use crate::ops::send::Accepted;
use crate::ops::{messages, send};

/// A page ends before clients with gRPC's default limit of 4 MiB can't read it.
const PAGE_MAX_BYTES: usize = 3 * 1024 * 1024;

#[tonic::async_trait]
impl MailApi for Api {
    async fn send(&self, request: Request<v1::SendRequest>) -> Answer<v1::SendResponse> {
        let caller = self.caller(&request)?;
        let trace = trace::context(request.metadata());
        let input = convert_send::send(request.into_inner()).map_err(|error| self.status(error))?;
        let accepted = self
            .send_as(&caller, SendInput { trace, ..input })
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(convert::accepted(accepted)))
    }

    type SendStreamStream = Answers;

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Answer<Self::SendStreamStream> {
        let caller = self.caller(&request)?;
        let trace = trace::context(request.metadata());
        Ok(Response::new(self.answer_all(caller, trace, request)))
    }

    async fn get_message(
        &self,
        request: Request<v1::GetMessageRequest>,
    ) -> Answer<v1::GetMessageResponse> {
        let caller = self.caller(&request)?;
        let id = requests::message_id(&request.into_inner().message_id)
            .map_err(|error| self.status(error))?;
        self.must_see(&caller, &id).await?;
        let (full, cursor) = messages::get(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::GetMessageResponse {
            message: Some(message::message(full, cursor)),
        }))
    }

    async fn list_messages(
        &self,
        request: Request<v1::ListMessagesRequest>,
    ) -> Answer<v1::ListMessagesResponse> {
        let caller = self.caller(&request)?;
        let (mut filter, page) =
            requests::list_messages(request.into_inner()).map_err(|error| self.status(error))?;
        self.narrow(&caller, &mut filter.service_ids)?;
        let rows = messages::list(&self.core, &filter, page.after.as_ref(), page.size)
            .await
            .map_err(|error| self.status(error))?;
        let mut next_page_token = page.next(&rows, |(full, _)| &full.message.id);
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for (full, cursor) in rows {
            let message = message::message(full, cursor);
            bytes += message.encoded_len();
            if bytes > PAGE_MAX_BYTES
                && let Some(last) = messages.last()
            {
                let last: &v1::Message = last;
                next_page_token = requests::page_token(&last.message_id);
                break;
            }
            messages.push(message);
        }
        Ok(Response::new(v1::ListMessagesResponse {
            messages,
            next_page_token,
        }))
    }

    async fn cancel_message(
        &self,
        request: Request<v1::CancelMessageRequest>,
    ) -> Answer<v1::CancelMessageResponse> {
        let caller = self.caller(&request)?;
        let id = requests::message_id(&request.into_inner().message_id)
            .map_err(|error| self.status(error))?;
        self.must_see(&caller, &id).await?;
        let (full, cursor) = messages::cancel(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::CancelMessageResponse {
            message: Some(message::message(full, cursor)),
        }))
    }

    async fn retry_message(
        &self,
        request: Request<v1::RetryMessageRequest>,
    ) -> Answer<v1::RetryMessageResponse> {
        let caller = self.caller(&request)?;
        let (id, expire_time) =
            again::retry_message(request.into_inner()).map_err(|error| self.status(error))?;
        self.must_see(&caller, &id).await?;
        let (full, cursor) = messages::retry(&self.core, &id, expire_time)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::RetryMessageResponse {
            message: Some(message::message(full, cursor)),
        }))
    }

    async fn resolve_message(
        &self,
        request: Request<v1::ResolveMessageRequest>,
    ) -> Answer<v1::ResolveMessageResponse> {
        let caller = self.caller(&request)?;
        let (id, resolution) =
            again::resolve_message(request.into_inner()).map_err(|error| self.status(error))?;
        self.must_see(&caller, &id).await?;
        let (full, cursor) = messages::resolve(&self.core, &id, resolution)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::ResolveMessageResponse {
            message: Some(message::message(full, cursor)),
        }))
    }
}

impl Api {
    /// Sends, for a caller that may use the service.
    pub(super) async fn send_as(
        &self,
        caller: &Caller,
        input: SendInput,
    ) -> Result<Accepted, Error> {
        if !caller.sees(&input.service_id) {
            return Err(Error::not_for_service(&input.service_id));
        }
        send::send(&self.core, input).await
    }

    async fn must_see(&self, caller: &Caller, id: &MessageId) -> Result<(), Status> {
        let seen = messages::is_seen(&self.core, caller.rights(), id).await;
        seen.map_err(|error| self.status(error))
    }
}
