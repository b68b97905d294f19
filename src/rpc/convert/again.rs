//! What a person asks for a message that has ended.

use super::enums;
use super::fields;
use super::violations::Violations;
use crate::model::{Error, MessageId, Timestamp};
use crate::rpc::proto::v1;
use crate::store::Resolution;

/// Which message to send again, and until when; none for the default. Whether the time is within
/// its bounds is for whoever knows the clock.
///
/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn retry_message(
    request: v1::RetryMessageRequest,
) -> Result<(MessageId, Option<Timestamp>), Error> {
    let mut found = Violations::default();
    let id = found.take("message_id", request.message_id.parse());
    let expire_time = fields::optional_instant(request.expire_time);
    let expire_time = found.take("expire_time", expire_time);
    found.finish(id.zip(expire_time))
}

/// Which message is decided, and how.
///
/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn resolve_message(
    request: v1::ResolveMessageRequest,
) -> Result<(MessageId, Resolution), Error> {
    let mut found = Violations::default();
    let id = found.take("message_id", request.message_id.parse());
    let resolution = enums::known(request.resolution, enums::resolution_from, None);
    let resolution = found.take("resolution", resolution);
    found.finish(id.zip(resolution))
}
