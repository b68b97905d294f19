//! The SMTP client against peers that follow a script over real sockets, or break every rule.

#![allow(clippy::disallowed_methods)] // tests dial their peers without an egress policy
#![allow(clippy::unwrap_used)] // in a test a panic is the answer

mod auth;
mod body;
mod envelope;
mod hostile;
mod liars;
mod peer;
mod pool;
mod timeouts;
mod tls;
mod world;
