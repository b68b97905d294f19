//! How commands reach a running server: by gRPC, with an access key.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::Failed;
use crate::model::Secret;
use crate::rpc::proto::v1::admin_api_client::AdminApiClient;

/// Where a server is that listens as by default.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// Which server, and who asks.
#[derive(Args)]
pub struct Client {
    /// Where the server's gRPC is [default: MAILWRIGHT_ADDRESS, or http://127.0.0.1:50051]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file that holds an access key with ROLE_ADMIN [default: the key in MAILWRIGHT_KEY]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Client {
    /// Where the server is.
    pub fn address(&self) -> String {
        let given = self.server.clone();
        given
            .or_else(|| std::env::var("MAILWRIGHT_ADDRESS").ok())
            .unwrap_or_else(|| DEFAULT_SERVER.into())
    }

    /// Connects.
    ///
    /// # Errors
    /// When the address is none or nobody listens there, or the key can't be read.
    pub async fn connect(&self) -> Result<Connected, Failed> {
        let address = self.address();
        let failed = |why: String| Failed::new(1, format!("no server at {address}: {why}"));
        let channel = Endpoint::from_str(&address)
            .map_err(|error| failed(error.to_string()))?
            .connect()
            .await
            .map_err(|error| failed(root_of(&error)))?;
        let authorization = self.authorization()?;
        Ok(Connected {
            channel,
            authorization,
        })
    }

    fn authorization(&self) -> Result<Option<MetadataValue<Ascii>>, Failed> {
        let key = match &self.key_file {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                Failed::new(1, format!("--key-file {}: {error}", path.display()))
            })?),
            None => std::env::var("MAILWRIGHT_KEY").ok(),
        };
        let Some(key) = key.map(Secret::new) else {
            return Ok(None);
        };
        let mut value = MetadataValue::from_str(&format!("Bearer {}", key.expose().trim()))
            .map_err(|_| Failed::new(1, "the access key holds characters that no key has"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A connection to a server.
pub struct Connected {
    channel: Channel,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Connected {
    /// AdminAPI on it.
    pub fn admin(&self) -> AdminApiClient<Channel> {
        AdminApiClient::new(self.channel.clone())
    }

    /// A request of whoever has the key.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(value) = &self.authorization {
            let metadata = request.metadata_mut();
            metadata.insert("authorization", value.clone());
        }
        request
    }
}

/// What a server answered in place of an answer.
pub fn refused(status: &Status) -> Failed {
    Failed::new(1, format!("the server refused: {}", status.message()))
}

/// What is behind an error that only names its layer.
fn root_of(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
