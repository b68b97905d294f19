//! `mailwright keys`: who may call the server.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::print::{Cell, Ink, parse_time, short, time};
use super::remote::{Remote, Session, answered};
use super::{Failed, wrong_file};
use crate::rpc::proto::v1;

/// Options of `keys`.
#[derive(Args)]
pub struct Keys {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a key; its secret is shown here and never again
    Create(Create),
    /// List keys, the newest first
    List,
    /// End a key, and its open streams
    Revoke {
        /// The key's id
        key: String,
    },
}

#[derive(Args)]
struct Create {
    /// What the key is for
    name: String,
    /// What it may do
    #[arg(long, value_enum, required = true)]
    role: Vec<Role>,
    /// The services it may use [default: all]
    #[arg(long, value_name = "SERVICE")]
    service: Vec<String>,
    /// When it ends by itself: 2027-03-01
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<prost_types::Timestamp>,
    /// Write the secret to this new file, for its owner's eyes alone, and don't print it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Everything
    Admin,
    /// Send and watch
    Sender,
    /// Watch
    Watcher,
}

impl Keys {
    /// Runs the command.
    ///
    /// # Errors
    /// What the server refused.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        match self.what {
            What::Create(create) => create.run(&session).await,
            What::List => list(&session).await,
            What::Revoke { key } => revoke(&session, key).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failed> {
        // Before the key is made: a secret that can't be kept is lost.
        let mut file = match &self.secret_file {
            None => None,
            Some(path) => {
                let made = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path);
                Some(made.map_err(|error| wrong_file(path, error))?)
            }
        };
        let request = v1::CreateAccessKeyRequest {
            display_name: self.name,
            roles: self
                .role
                .into_iter()
                .map(|role| role.wire() as i32)
                .collect(),
            service_ids: self.service,
            expire_time: self.expires,
        };
        let request = session.connected.request(request);
        let answer = session.connected.admin().create_access_key(request).await;
        let mut answer = match answered(answer) {
            Ok(answer) => answer,
            Err(failed) => {
                if let Some(path) = &self.secret_file {
                    // It is empty, and may stay.
                    let _ = std::fs::remove_file(path);
                }
                return Err(failed);
            }
        };
        if let Some(file) = &mut file {
            file.write_all(answer.secret.as_bytes())?;
            answer.secret.clear();
        }
        if session.printer.is_json() {
            session.printer.json("CreateAccessKeyResponse", &answer);
            return Ok(());
        }
        let key = answer.access_key.unwrap_or_default();
        let kept = self.secret_file.map(|path| path.display().to_string());
        session.printer.rows(&[
            ("key", key.access_key_id.clone()),
            ("may", may(&key)),
            ("ends", time(key.expire_time.as_ref())),
            ("secret", answer.secret),
            ("secret in", kept.unwrap_or_default()),
        ]);
        Ok(())
    }
}

impl Role {
    fn wire(self) -> v1::Role {
        match self {
            Self::Admin => v1::Role::Admin,
            Self::Sender => v1::Role::Sender,
            Self::Watcher => v1::Role::Watcher,
        }
    }
}

async fn list(session: &Session) -> Result<(), Failed> {
    let mut all = v1::ListAccessKeysResponse::default();
    loop {
        let request = v1::ListAccessKeysRequest {
            page_size: 500,
            page_token: std::mem::take(&mut all.next_page_token),
        };
        let request = session.connected.request(request);
        let page = answered(session.connected.admin().list_access_keys(request).await)?;
        all.access_keys.extend(page.access_keys);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            break;
        }
    }
    if session.printer.is_json() {
        session.printer.json("ListAccessKeysResponse", &all);
        return Ok(());
    }
    let now = session.env.now();
    let rows = all.access_keys.iter().map(|key| {
        let expired = key
            .expire_time
            .as_ref()
            .is_some_and(|at| super::print::instant(at) <= now);
        let state = match (&key.revoke_time, expired) {
            (Some(_), _) => Cell::inked("REVOKED", Ink::Dim),
            (None, true) => Cell::inked("EXPIRED", Ink::Dim),
            (None, false) => Cell::inked("LIVE", Ink::Good),
        };
        vec![
            Cell::from(key.access_key_id.as_str()),
            state,
            Cell::from(key.display_name.as_str()),
            Cell::from(may(key)),
            Cell::from(time(key.expire_time.as_ref())),
            Cell::from(time(key.last_use_time.as_ref())),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = ["KEY", "STATE", "NAME", "MAY", "EXPIRES", "LAST USE"];
    session.printer.table(&head, &rows);
    Ok(())
}

async fn revoke(session: &Session, key: String) -> Result<(), Failed> {
    let request = v1::RevokeAccessKeyRequest { access_key_id: key };
    let request = session.connected.request(request);
    let answer = answered(session.connected.admin().revoke_access_key(request).await)?;
    match session.printer.is_json() {
        true => session.printer.json("RevokeAccessKeyResponse", &answer),
        false => {
            let key = answer.access_key.unwrap_or_default();
            session
                .printer
                .line(&format!("{} is revoked.", key.access_key_id));
        }
    }
    Ok(())
}

/// `SENDER of billing`.
fn may(key: &v1::AccessKey) -> String {
    let roles: Vec<_> = key
        .roles()
        .map(|role| short(role.as_str_name(), "ROLE_"))
        .collect();
    match key.service_ids.is_empty() {
        true => roles.join(", "),
        false => format!("{} of {}", roles.join(", "), key.service_ids.join(", ")),
    }
}
