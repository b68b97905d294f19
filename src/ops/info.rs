//! What this server is.

use super::{Core, Result};
use crate::model::Timestamp;
use crate::model::event::Cursor;

/// The facts of GetServerInfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    pub public_url: String,
    pub redirect_uri: String,
    /// Empty: the operating system chooses.
    pub source_addresses: Vec<String>,
    pub oldest: Cursor,
    pub newest: Cursor,
    pub start_time: Timestamp,
    pub max_message_bytes: u64,
    pub max_streams_per_connection: u32,
}

/// Tells what this server is.
///
/// # Errors
/// Those of the store.
pub async fn server_info(core: &Core) -> Result<ServerInfo> {
    let bounds = core.store.bounds().await?;
    let at = |sequence| Cursor {
        epoch: bounds.epoch,
        sequence,
    };
    let local = &core.config.egress.local_address;
    Ok(ServerInfo {
        public_url: core.config.server.public_url.clone(),
        redirect_uri: format!("{}/oauth2/callback", core.config.server.public_url),
        source_addresses: if local.is_empty() {
            Vec::new()
        } else {
            vec![local.clone()]
        },
        oldest: at(bounds.oldest),
        newest: at(bounds.newest),
        start_time: core.start_time,
        max_message_bytes: core.config.delivery.max_message_bytes,
        max_streams_per_connection: core.config.server.max_streams_per_connection,
    })
}
