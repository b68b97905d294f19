//! What each RPC needs, as the comments of the contract say. What is not listed needs a key, so that
//! a forgotten line opens nothing; a test holds that none is forgotten.

use crate::model::Role::{self, Admin, Sender, Watcher};

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Open to all. Health looks itself at who asks for a mailbox.
    Nothing,
    /// Any key.
    Key,
    /// A key with one of these roles.
    Roles(&'static [Role]),
}

const ADMINS: Need = Need::Roles(&[Admin]);
const SENDERS: Need = Need::Roles(&[Admin, Sender]);
const WATCHERS: Need = Need::Roles(&[Admin, Sender, Watcher]);

const RPCS: [(&str, Need); 25] = [
    ("AdminAPI/CreateService", ADMINS),
    ("AdminAPI/GetService", WATCHERS),
    ("AdminAPI/ListServices", WATCHERS),
    ("AdminAPI/UpdateService", ADMINS),
    ("AdminAPI/DeleteService", ADMINS),
    ("AdminAPI/SuspendService", ADMINS),
    ("AdminAPI/ResumeService", ADMINS),
    ("AdminAPI/BeginAuthorize", ADMINS),
    ("AdminAPI/CompleteAuthorize", ADMINS),
    ("AdminAPI/RevokeAuthorization", ADMINS),
    ("AdminAPI/RotateVaultKey", ADMINS),
    ("AdminAPI/ExportBackup", ADMINS),
    ("AdminAPI/SendTest", ADMINS),
    ("AdminAPI/CreateAccessKey", ADMINS),
    ("AdminAPI/ListAccessKeys", ADMINS),
    ("AdminAPI/RevokeAccessKey", ADMINS),
    ("AdminAPI/GetServerInfo", WATCHERS),
    ("MailAPI/Send", SENDERS),
    ("MailAPI/SendStream", SENDERS),
    ("MailAPI/GetMessage", WATCHERS),
    ("MailAPI/ListMessages", WATCHERS),
    ("MailAPI/CancelMessage", SENDERS),
    ("MailAPI/RetryMessage", SENDERS),
    ("MailAPI/ResolveMessage", SENDERS),
    ("StatusAPI/WatchStatus", WATCHERS),
];

/// What a call of this path (`/package.Service/Method`) needs.
pub fn need(path: &str) -> Need {
    if path.starts_with("/grpc.reflection.") || path.starts_with("/grpc.health.v1.Health/") {
        return Need::Nothing;
    }
    path.strip_prefix("/mailwright.v1.")
        .and_then(|rpc| RPCS.iter().find(|(name, _)| *name == rpc))
        .map_or(Need::Key, |(_, need)| *need)
}
