//! One span, from its beginning to its end.

use std::mem;

use super::Tracer;
use crate::model::Timestamp;
use crate::model::trace::{Id, TraceContext};

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a caller asked for.
    Server,
    /// What we asked of another server.
    Client,
}

/// A span that has not ended; dropped, it ends.
pub struct Span {
    context: Option<TraceContext>,
    recording: Option<Recording>,
}

struct Recording {
    tracer: Tracer,
    span: Ended,
}

/// A span that is over.
pub(super) struct Ended {
    pub name: &'static str,
    pub kind: Kind,
    pub context: TraceContext,
    pub parent: Option<Id<8>>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed, if it did: one word.
    pub failure: Option<&'static str>,
}

impl Span {
    /// Records nothing, and hands a caller's context on.
    pub(super) fn passing(context: Option<TraceContext>) -> Self {
        Self {
            context,
            recording: None,
        }
    }

    pub(super) fn recording(
        tracer: Tracer,
        name: &'static str,
        kind: Kind,
        context: TraceContext,
        parent: Option<Id<8>>,
    ) -> Self {
        let now = tracer.0.env.now();
        let span = Ended {
            name,
            kind,
            context: context.clone(),
            parent,
            start: now,
            end: now,
            attributes: Vec::new(),
            failure: None,
        };
        Self {
            context: Some(context),
            recording: Some(Recording { tracer, span }),
        }
    }

    /// What spans below this one belong to; none where nobody traces.
    pub fn context(&self) -> Option<&TraceContext> {
        self.context.as_ref()
    }

    /// The trace's id as logs name it.
    pub fn trace_id(&self) -> Option<String> {
        self.context
            .as_ref()
            .map(|context| context.trace_id.to_string())
    }

    /// Says something of it. Neither a secret nor an address.
    pub fn set(&mut self, name: &'static str, value: impl ToString) {
        if let Some(recording) = &mut self.recording {
            recording.span.attributes.push((name, value.to_string()));
        }
    }

    /// It failed, for this reason.
    pub fn fail(&mut self, reason: &'static str) {
        if let Some(recording) = &mut self.recording {
            recording.span.failure = Some(reason);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(Recording { tracer, mut span }) = mem::take(&mut self.recording) {
            span.end = tracer.0.env.now();
            tracer.ended(span);
        }
    }
}
