//! Seals what must not be read at rest: XChaCha20-Poly1305 with the record's identity as
//! associated data, so that a sealed value can't be moved to another record.
//!
//! Message bodies are sealed by a key of their own, which is kept, sealed, in the message's record:
//! dropping that key erases the body wherever its bytes linger.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::model::MessageId;
use crate::model::secret::Sealed;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Holds the key, seals and opens.
#[derive(Clone)]
pub struct Vault {
    key: Zeroizing<[u8; KEY_BYTES]>,
    env: Env,
}

/// A sealed value that this key and identity do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotOpen;

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sealed record does not open with this vault key")
    }
}

impl Vault {
    /// A vault with this key.
    pub fn new(key: Zeroizing<[u8; KEY_BYTES]>, env: Env) -> Self {
        Self { key, env }
    }

    /// Reads the key file, or makes one with mode 0600 where there is none yet.
    ///
    /// # Errors
    /// When the file can't be read or made, is no key, or is missing although `records_exist`: a
    /// fresh key could never open them.
    pub fn from_key_file(path: &Path, records_exist: bool, env: Env) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(parse_key(&Zeroizing::new(text), path)?, env)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !records_exist => {
                let key = Zeroizing::new(env.random::<KEY_BYTES>());
                write_key(path, &key)?;
                Ok(Self::new(key, env))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(io::Error::other(format!(
                    "the vault key file {} is missing, and the store holds records sealed by it: bring the file back",
                    path.display()
                )))
            }
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!("the vault key file {}: {error}", path.display()),
            )),
        }
    }

    /// Seals `plain` for the record that `identity` names.
    pub fn seal(&self, identity: &str, plain: &[u8]) -> Sealed {
        Sealed(seal_with(&self.key, &self.env, identity, plain))
    }

    /// Opens what was sealed for `identity`.
    ///
    /// # Errors
    /// [`CannotOpen`] with another key, for another identity, or when the bytes were changed.
    pub fn open(&self, identity: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        open_with(&self.key, identity, &sealed.0)
    }

    /// Seals a body by a fresh key; returns that key, sealed, and the body.
    pub fn seal_body(&self, id: &MessageId, body: &[u8]) -> (Sealed, Sealed) {
        let body_key = Zeroizing::new(self.env.random::<KEY_BYTES>());
        let sealed_key = self.seal(&key_identity(id), body_key.as_slice());
        (
            sealed_key,
            Sealed(seal_with(&body_key, &self.env, &body_identity(id), body)),
        )
    }

    /// Opens a body by its sealed key.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open_body(
        &self,
        id: &MessageId,
        key: &Sealed,
        body: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let key = self.open(&key_identity(id), key)?;
        let key =
            Zeroizing::new(<[u8; KEY_BYTES]>::try_from(key.as_slice()).map_err(|_| CannotOpen)?);
        open_with(&key, &body_identity(id), &body.0)
    }
}

fn key_identity(id: &MessageId) -> String {
    format!("message/{id}/key")
}

fn body_identity(id: &MessageId) -> String {
    format!("message/{id}/body")
}

fn seal_with(key: &[u8; KEY_BYTES], env: &Env, identity: &str, plain: &[u8]) -> Vec<u8> {
    let nonce = env.random::<NONCE_BYTES>();
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plain,
                aad: identity.as_bytes(),
            },
        )
        .expect("the cipher takes up to 256 GiB, and messages are bounded far below");
    [nonce.as_slice(), &sealed].concat()
}

fn open_with(
    key: &[u8; KEY_BYTES],
    identity: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let (nonce, sealed) = sealed
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(CannotOpen)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: identity.as_bytes(),
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| CannotOpen)
}

fn parse_key(text: &str, path: &Path) -> io::Result<Zeroizing<[u8; KEY_BYTES]>> {
    let invalid = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is not a vault key: 32 bytes in base64", path.display()),
        )
    };
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| invalid())?);
    Ok(Zeroizing::new(
        <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| invalid())?,
    ))
}

/// Writes and fsyncs file and folder: a key that a crash takes away would take all secrets along.
fn write_key(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key)));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use std::os::unix::fs::PermissionsExt;

    fn env(seed: u64) -> Env {
        Env::manual(Timestamp::from_unix_seconds(0), seed)
    }

    fn vault(seed: u64) -> Vault {
        Vault::new(Zeroizing::new(env(seed).random()), env(seed + 1))
    }

    #[test]
    fn only_the_same_key_and_identity_open() {
        let vault = vault(1);
        let sealed = vault.seal("service/a/secrets", b"secret");
        assert!(!sealed.0.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!(
            vault.open("service/a/secrets", &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert_eq!(vault.open("service/b/secrets", &sealed), Err(CannotOpen));
        assert_eq!(
            super::tests::vault(9).open("service/a/secrets", &sealed),
            Err(CannotOpen)
        );
        let mut changed = sealed.clone();
        changed.0[30] ^= 1;
        assert_eq!(vault.open("service/a/secrets", &changed), Err(CannotOpen));
        assert_eq!(
            vault.open("service/a/secrets", &Sealed(vec![1, 2])),
            Err(CannotOpen)
        );
    }

    #[test]
    fn a_body_opens_by_its_own_key_alone() {
        let vault = vault(1);
        let ids = [1, 2].map(|n| MessageId::generate(Timestamp::from_unix_seconds(n), [0; 10]));
        let (key, body) = vault.seal_body(&ids[0], b"hello");
        let (other_key, _) = vault.seal_body(&ids[0], b"hello");
        assert_eq!(
            vault.open_body(&ids[0], &key, &body).unwrap().as_slice(),
            b"hello"
        );
        assert_eq!(vault.open_body(&ids[0], &other_key, &body), Err(CannotOpen));
        assert_eq!(vault.open_body(&ids[1], &key, &body), Err(CannotOpen));
    }

    #[test]
    fn the_key_file_is_private_and_never_replaced() {
        let folder = std::env::temp_dir().join(format!("mailwright-vault-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("vault.key");
        let sealed = Vault::from_key_file(&path, false, env(1))
            .unwrap()
            .seal("x", b"y");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            Vault::from_key_file(&path, true, env(2))
                .unwrap()
                .open("x", &sealed)
                .is_ok()
        );

        fs::write(&path, "not a key").unwrap();
        assert!(Vault::from_key_file(&path, false, env(3)).is_err());
        fs::remove_file(&path).unwrap();
        let missing = Vault::from_key_file(&path, true, env(4)).err().unwrap();
        assert!(missing.to_string().contains("missing"), "{missing}");
        assert!(!path.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
