//! The main job end to end, over real sockets: the server in process (or, where the process itself
//! matters, the real binary), the sandbox on the other side, generated clients and a browser's HTTP
//! requests in between.
//!
//! Whatever depends on time runs on a clock that the test moves. Nothing sleeps and nothing is
//! tried twice: a test waits for an event of the feed or for a counter of the sandbox.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and its clients are no part of the server that Env and Egress rule

mod authority;
mod browser;
#[path = "../store/disk/device.rs"]
mod device;
mod fault;
mod harness;
mod process;
mod requests;
mod rogue;
mod site;
mod watch;

mod access;
mod access_file;
mod access_services;
mod admin;
mod again;
mod app_only;
mod authorization;
mod backup;
mod bad_fields;
mod bad_mail;
mod bad_wire;
mod callback;
mod callback_attacks;
mod content;
mod custom;
mod deadlines;
mod drain;
mod egress;
mod feed;
mod feed_crowd;
mod feed_cursors;
mod folder;
mod forecast;
mod full_disk;
mod google;
mod grant_death;
mod granted;
mod hostile;
mod hostile_memory;
mod hostile_wire;
mod idempotency;
mod kill_nine;
mod mailbox_health;
mod metrics;
mod operation;
mod outbox;
mod pace;
mod provider_attacks;
mod readiness;
mod recipients;
mod refreshes;
mod retention;
mod retries;
mod revoke;
mod rules;
mod schedule;
mod secrets;
mod send_stream;
mod send_test;
mod shared_mailbox;
mod soak;
mod stream_memory;
mod tls;
mod trace;
mod uncertain;
mod vault_keys;
mod vault_secrets;
