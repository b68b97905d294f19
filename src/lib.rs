#![doc = include_str!("../ARCHITECTURE.md")]

pub mod app;
pub mod cli;
pub mod config;
pub mod egress;
pub mod env;
pub mod http;
pub mod keys;
pub mod metrics;
pub mod model;
pub mod oauth;
pub mod ops;
pub mod rpc;
pub mod sandbox;
pub mod smtp;
pub mod store;
pub mod tracer;
pub mod vault;
pub mod work;

/// Rows are many small pieces of memory, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
