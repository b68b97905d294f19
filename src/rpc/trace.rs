//! W3C trace context in the metadata of a call.

use tonic::metadata::MetadataMap;

use crate::model::trace::TraceContext;

/// What the caller says; none where that is nothing, not valid, or said twice.
pub(super) fn context(metadata: &MetadataMap) -> Option<TraceContext> {
    let mut parents = metadata.get_all("traceparent").iter();
    let parent = parents.next()?.to_str().ok()?;
    if parents.next().is_some() {
        return None;
    }
    let states = metadata.get_all("tracestate").iter();
    TraceContext::parse(parent, states.filter_map(|state| state.to_str().ok()))
}
