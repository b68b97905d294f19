//! Interop with servers that are not ours: aiosmtpd with STARTTLS and XOAUTH2 or a password, Postfix
//! without AUTH, and oauth2-mock-server as an identity provider. What arrives is parsed by Python's `email` package and compared field
//! by field with what was sent.
//!
//! Our server runs in process, with the sandbox as its identity provider elsewhere. `make tools`
//! installs the others; without them these tests fail. Nothing sleeps: a test waits for an event of
//! the feed, or for a line that the other server prints.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and its clients are no part of the server that Env and Egress rule

mod arrived;
mod browser;
mod certificate;
mod child;
mod house;
mod idp;
mod letter;
mod sink;

mod aiosmtpd;
mod oauth2_mock_server;
mod postfix;
