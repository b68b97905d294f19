//! Generates the gRPC code from `proto/` without protoc: protox parses the
//! files, tonic-prost-build writes the Rust. The descriptor set, comments
//! included, goes to `$OUT_DIR/mailwright.binpb` for server reflection.
//! Messages that hold secrets or bodies get a `Debug` that shows nothing.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use protox::prost::Message as _;

const FILES: [&str; 4] = [
    "mailwright/v1/admin.proto",
    "mailwright/v1/diagnosis.proto",
    "mailwright/v1/mail.proto",
    "mailwright/v1/status.proto",
];

/// Messages with a credential, a token-like value or mail content in a field.
const UNPRINTABLE: [&str; 9] = [
    "OAuth2",
    "PasswordAuth",
    "BeginAuthorizeResponse",
    "CompleteAuthorizeRequest",
    "CreateAccessKeyResponse",
    "Email",
    "Attachment",
    "Header",
    "Mime",
];

/// Variants much larger than their neighbours in the same oneof.
const BOXED: [&str; 4] = [
    ".mailwright.v1.Service.auth.oauth2",
    ".mailwright.v1.SendRequest.content.email",
    ".mailwright.v1.WatchStatusResponse.event.message",
    ".mailwright.v1.WatchStatusResponse.event.service",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(FILES, ["proto"])?;
    fs::write(
        out_dir.join("mailwright.binpb"),
        descriptors.encode_to_vec(),
    )?;

    let builder = tonic_prost_build::configure()
        .btree_map(".")
        .bytes(".")
        .skip_debug(UNPRINTABLE.map(|name| format!(".mailwright.v1.{name}")));
    BOXED
        .iter()
        .fold(builder, |builder, path| builder.boxed(path))
        .compile_fds(descriptors)?;

    let generated = out_dir.join("mailwright.v1.rs");
    let mut code = fs::read_to_string(&generated)?;
    for name in UNPRINTABLE {
        write!(
            code,
            "impl ::core::fmt::Debug for {name} {{
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
        f.debug_struct(\"{name}\").finish_non_exhaustive()
    }}
}}
"
        )?;
    }
    fs::write(generated, code)?;
    Ok(())
}
