//! W3C Trace Context: which trace a message belongs to, as its caller said and as it waits with the
//! message (<https://www.w3.org/TR/trace-context/>).
//!
//! What a caller sends is checked and bounded. A `traceparent` that is not valid is as none, and takes
//! its `tracestate` along; a `tracestate` that is not valid goes alone.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest `tracestate` that is kept, in bytes; all must carry so much (W3C §3.3.1.5).
const STATE_MAX_BYTES: usize = 512;

/// The most members of a `tracestate`.
const STATE_MAX_MEMBERS: usize = 32;

/// A place in a trace: a span, and what is passed on below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    pub trace_id: Id<16>,
    /// The span to which what follows belongs.
    pub span_id: Id<8>,
    /// Whether whoever began the trace wants it recorded.
    pub sampled: bool,
    /// `tracestate`, as it came; empty for none.
    pub state: String,
}

/// An id of a trace or a span; never all zero. It prints as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id<const N: usize>(#[serde(with = "bytes")] [u8; N]);

impl TraceContext {
    /// What the headers of a call say. Of each `tracestate` header there may be several.
    pub fn parse<'a>(traceparent: &str, tracestate: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version]: [u8; 1] = hex(version)?;
        // A later version may say more behind what this one knows.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let [flags]: [u8; 1] = hex(flags)?;
        Some(Self {
            trace_id: Id::new(hex(trace)?)?,
            span_id: Id::new(hex(span)?)?,
            sampled: flags & 1 == 1,
            state: state(tracestate).unwrap_or_default(),
        })
    }

    /// The first span of a trace that is recorded.
    pub fn root(trace_id: Id<16>, span_id: Id<8>) -> Self {
        Self {
            trace_id,
            span_id,
            sampled: true,
            state: String::new(),
        }
    }

    /// A span below this one.
    pub fn child(&self, span_id: Id<8>) -> Self {
        Self {
            span_id,
            ..self.clone()
        }
    }
}

impl<const N: usize> Id<N> {
    /// None for zeros, which stand for no id.
    pub fn new(bytes: [u8; N]) -> Option<Self> {
        bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// serde has arrays of a fixed length alone.
mod bytes {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<[u8; N], D::Error> {
        let bytes = Vec::<u8>::deserialize(from)?;
        bytes
            .try_into()
            .map_err(|_| D::Error::custom("an id of another length"))
    }
}

/// Lower-case digits only, as the specification has them.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// All headers as one, if it is valid.
fn state<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut kept = String::new();
    let mut keys = BTreeSet::new();
    let members = headers.flat_map(|header| header.split(','));
    for member in members.map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        if !is_key(key) || !is_value(value) || !keys.insert(key) {
            return None;
        }
        if !kept.is_empty() {
            kept.push(',');
        }
        kept += member;
        if kept.len() > STATE_MAX_BYTES || keys.len() > STATE_MAX_MEMBERS {
            return None;
        }
    }
    Some(kept)
}

fn is_key(key: &str) -> bool {
    let part = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-*/@".contains(&c);
    let first = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    key.len() <= 256 && key.bytes().next().is_some_and(first) && key.bytes().all(part)
}

fn is_value(value: &str) -> bool {
    let part = |c: u8| matches!(c, 0x20..=0x7e) && c != b',' && c != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(part) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parse(parent: &str, state: &[&str]) -> Option<TraceContext> {
        TraceContext::parse(parent, state.iter().copied())
    }

    #[test]
    fn a_valid_context_is_kept_as_it_came() {
        let context = parse(
            PARENT,
            &["rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", "", "a@b=1"],
        );
        let context = context.unwrap();
        assert_eq!(
            context.trace_id.to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(context.span_id.to_string(), "b7ad6b7169203331");
        assert!(context.sampled);
        assert_eq!(
            context.state,
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=1"
        );
        let later = PARENT.replacen("00", "01", 1) + "-more";
        assert!(parse(&later, &[]).is_some());
        let unsampled = parse(&PARENT.replace("-01", "-02"), &[]).unwrap();
        assert!(!unsampled.sampled);
        let stored = crate::store::encode(&context);
        assert_eq!(
            crate::store::decode::<TraceContext>(&stored).unwrap(),
            context
        );
    }

    #[test]
    fn what_is_not_valid_is_as_none() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
        ] {
            assert_eq!(parse(bad, &["a=1"]), None, "{bad}");
        }
    }

    #[test]
    fn a_state_that_is_not_valid_or_too_long_goes_alone() {
        let long = format!("a={}", "x".repeat(256));
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
        for bad in [
            "a",
            "A=1",
            "a=1,a=2",
            "a=\u{1}",
            "=1",
            "a=",
            "é=1",
            &many.join(","),
        ] {
            assert_eq!(parse(PARENT, &[bad]).unwrap().state, "", "{bad}");
        }
        let longer = long.replacen('a', "b", 1);
        assert_eq!(parse(PARENT, &[&long, &longer]).unwrap().state, "");
        assert_eq!(parse(PARENT, &[&long]).unwrap().state, long);
    }
}
