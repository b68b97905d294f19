//! Behind proxies that end TLS and know gRPC: Debian's nginx and HAProxy, as child processes on
//! loopback, run the files of `deploy/mesh` with other addresses and shorter times. What the server and
//! its clients promise must hold through each of them, also while the server is replaced.
//!
//! `make test` installs the proxies and grpc-health-probe and builds the clients. Nothing sleeps: a test
//! waits for an answer, an event of the feed, or a line that another program prints.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and its clients are no part of the server that Env and Egress rule

#[path = "../e2e/browser.rs"]
mod browser;
mod load;
#[path = "../e2e/process.rs"]
mod process;
mod proxy;
mod wire;
mod world;

mod calls;
mod probe;
mod restart;
mod streams;

use std::path::{Path, PathBuf};

/// A program that `make tools` installed.
fn tool(path: &str) -> PathBuf {
    let own = || root().join(".tools");
    let tools = std::env::var_os("MAILWRIGHT_TOOLS").map_or_else(own, PathBuf::from);
    tools.join(path)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
