//! The gRPC door: protobuf in, operations called, protobuf out.
//!
//! Generated types stop at `convert`, statuses are made in `error`; the handlers hold no rule of
//! their own.

mod access;
mod admin;
mod audit;
mod backup;
pub mod codec;
pub mod convert;
mod deadline;
pub mod error;
mod health;
mod limits;
mod lines;
mod listener;
mod mail;
mod observe;
pub mod proto;
mod receive;
pub mod server;
mod status;
mod stream;
pub mod tls;
mod trace;

use std::sync::Arc;

use tokio::sync::watch;
use tonic::{Response, Status};

use crate::model::Error;
use crate::ops::Core;

/// All three APIs.
#[derive(Clone)]
struct Api {
    core: Arc<Core>,
    stopping: watch::Receiver<bool>,
}

/// What a handler returns.
type Answer<T> = Result<Response<T>, Status>;

impl Api {
    /// The status of a failed operation.
    fn status(&self, error: Error) -> Status {
        error::status(&error, &self.core.env)
    }
}
