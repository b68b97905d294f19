//! Protobuf to model and back: the only place that knows both.
//!
//! A request is parsed once, into types that can't hold anything wrong, and every violation of its
//! documented bounds is reported at once, by its path in the request. What needs the clock, the
//! store or the configuration (time bounds, who may send from where, URL prefixes, the server's own
//! size limit) is deliberately not checked here.

pub mod access_keys;
pub mod again;
pub mod message;
pub mod requests;
pub mod send;
pub mod service;
pub mod service_view;
pub mod stream;
pub mod update;

mod diagnosis;
mod enums;
mod fields;
mod info;
mod oauth2;
mod violations;

pub use diagnosis::timestamp;
pub use info::{rotated, server_info};
pub use message::accepted;

#[cfg(test)]
mod tests;
