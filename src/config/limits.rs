//! `[limits]`: what callers may ask at once.

use serde::Deserialize;

use super::ConfigError;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub requests_per_second: u32,
    pub streams: u32,
    pub streams_per_key: u32,
    pub receiving_bytes: u64,
}

impl Limits {
    /// A server that receives nothing else takes every request, whoever sends it: half is one key's.
    pub(super) fn check(&self, max_request_bytes: u32) -> Result<(), ConfigError> {
        // What frames it in gRPC, and some.
        let least = 2 * (u64::from(max_request_bytes) + 1024);
        if self.receiving_bytes < least {
            return Err(ConfigError(format!(
                "limits.receiving_bytes must be at least {least}, which one request of server.max_request_bytes may need"
            )));
        }
        Ok(())
    }
}
