//! The commands as their users meet them: the real binary against a real server, with the sandbox
//! behind it. What a command prints, what it exits with, and what nobody may see.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod house;
#[path = "../e2e/process.rs"]
mod process;

mod browser;
mod commands;
mod documents;
mod mail;
mod proxy;
mod restart;
mod services;
