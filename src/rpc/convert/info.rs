//! What the server says of itself and of its keys.

use super::diagnosis::{size, timestamp};
use super::requests::PAGE_SIZE_MAX;
use super::send::RECIPIENTS_MAX;
use crate::ops::info::ServerInfo;
use crate::ops::vault_keys::Rotated;
use crate::rpc::proto::v1;

/// Counts the additions to `mailwright.v1`.
const API_REVISION: i32 = 1;

/// The answer to GetServerInfo.
pub fn server_info(info: ServerInfo) -> v1::GetServerInfoResponse {
    let limit = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let streams = info.max_streams_per_connection;
    v1::GetServerInfoResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_revision: API_REVISION,
        source_addresses: info.source_addresses,
        redirect_uri: info.redirect_uri,
        oldest_cursor: info.oldest.to_string(),
        newest_cursor: info.newest.to_string(),
        start_time: Some(timestamp(info.start_time)),
        limits: Some(v1::ServerLimits {
            max_message_bytes: size(info.max_message_bytes),
            max_recipients: limit(RECIPIENTS_MAX),
            max_page_size: limit(PAGE_SIZE_MAX),
            max_streams_per_connection: i32::try_from(streams).unwrap_or(i32::MAX),
        }),
        public_url: info.public_url,
    }
}

/// The answer to RotateVaultKey.
pub fn rotated(rotated: Rotated) -> v1::RotateVaultKeyResponse {
    let resealed = rotated.resealed;
    v1::RotateVaultKeyResponse {
        key_id: rotated.key_id.to_string(),
        created: rotated.made,
        service_secrets: size(resealed.secrets),
        tokens: size(resealed.tokens),
        authorizations: size(resealed.authorizations),
        messages: size(resealed.messages),
        unused_key_ids: rotated.unused.iter().map(ToString::to_string).collect(),
        unreadable: size(rotated.unreadable),
        key_source: rotated.source,
    }
}
