//! Diagnoses, replies and times as protobuf.

use std::time::Duration;

use super::enums;
use crate::model::catalogue::redact;
use crate::model::{Diagnosis, Reply, Timestamp};
use crate::rpc::proto::v1;

/// What a provider says is shown up to this many bytes.
const PROVIDER_TEXT_MAX_BYTES: usize = 2_048;

/// A diagnosis.
pub fn diagnosis(from: Diagnosis) -> v1::Diagnosis {
    v1::Diagnosis {
        reason: enums::reason_to_proto(from.reason).into(),
        provider_code: from.provider_code,
        scope: enums::scope(from.scope).into(),
        summary: from.summary,
        remedy: from.remedy,
        commands: from.commands,
        help_url: from.help_url,
        fixed_by: enums::fixed_by(from.fixed_by).into(),
        retryable: from.retryable,
        provider_text: cut(from.provider_text, PROVIDER_TEXT_MAX_BYTES),
        since_time: from.since.map(timestamp),
    }
}

/// A reply, as far as a caller may see it: a server may echo what it was sent.
pub fn reply(from: Reply) -> v1::SmtpReply {
    v1::SmtpReply {
        code: from.code.into(),
        enhanced_code: from.enhanced_text(),
        text: redact(&from.text),
    }
}

/// An instant.
pub fn timestamp(from: Timestamp) -> prost_types::Timestamp {
    let micros = from.unix_micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000)
            .expect("less than a second in nanoseconds fits 31 bits"),
    }
}

/// A duration; beyond the 10,000 years that protobuf holds, those.
pub fn duration(from: Duration) -> prost_types::Duration {
    const SECONDS_MAX: i64 = 315_576_000_000;
    prost_types::Duration {
        seconds: i64::try_from(from.as_secs()).map_or(SECONDS_MAX, |secs| secs.min(SECONDS_MAX)),
        nanos: from.subsec_nanos().cast_signed(),
    }
}

/// A non-negative number as the API's signed one.
pub fn size(from: u64) -> i64 {
    i64::try_from(from).unwrap_or(i64::MAX)
}

/// Text of at most `max` bytes, cut between characters.
pub fn cut(mut text: String, max: usize) -> String {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
