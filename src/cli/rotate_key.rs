//! `mailwright rotate-key`: seals everything anew, while the server serves.

use clap::Args;

use super::Failed;
use super::client::{Client, refused};
use crate::rpc::proto::v1;

/// Options of `rotate-key`.
#[derive(Args)]
pub struct RotateKey {
    #[command(flatten)]
    client: Client,
}

impl RotateKey {
    /// Asks the server to rotate, and tells what came of it.
    ///
    /// # Errors
    /// When the server can't be reached or refuses, or when something did not open.
    pub async fn run(self) -> Result<(), Failed> {
        let connected = self.client.connect().await?;
        let request = connected.request(v1::RotateVaultKeyRequest {});
        let answer = connected.admin().rotate_vault_key(request).await;
        let rotated = answer.map_err(|status| refused(&status))?.into_inner();
        tell(&rotated);
        match rotated.unreadable {
            0 => Ok(()),
            count => Err(Failed::new(
                1,
                format!("{count} values did not open and stay as they are: see the server's log"),
            )),
        }
    }
}

fn tell(rotated: &v1::RotateVaultKeyResponse) {
    let source = &rotated.key_source;
    let made = match rotated.created {
        true => ", which the server has made",
        false => "",
    };
    println!("key {} of {source} seals now{made}.", rotated.key_id);
    println!(
        "sealed anew: secrets of {} services, {} tokens, {} pending authorizations, {} messages.",
        rotated.service_secrets, rotated.tokens, rotated.authorizations, rotated.messages
    );
    let counts = [
        rotated.service_secrets,
        rotated.tokens,
        rotated.authorizations,
        rotated.messages,
    ];
    if !rotated.created && counts == [0; 4] {
        println!("there was nothing to do: to rotate, put a new key first in {source}.");
    }
    if !rotated.unused_key_ids.is_empty() {
        println!(
            "the server needs no longer: {}. Backups made before do; keep what opens them apart, then take these keys out of {source}.",
            rotated.unused_key_ids.join(", ")
        );
    }
}
