//! The sandbox against what is documented of Entra and Exchange Online, over real sockets.

#![allow(clippy::disallowed_methods)] // tests dial their peers without an egress policy

mod control;
mod faults;
mod google;
mod idp;
mod smtp;
mod support;
