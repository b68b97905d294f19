//! Makes a message one that has JSON: times and durations within what `google.protobuf` gives them.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

/// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z (timestamp.proto).
const TIMES: (i64, i64) = (-62_135_596_800, 253_402_300_799);

/// 10,000 years to either side (duration.proto).
const DURATIONS: (i64, i64) = (-315_576_000_000, 315_576_000_000);

const NANOS_MAX: i32 = 999_999_999;

/// Moves each time and duration in it to the nearest that has JSON.
pub(super) fn printable(message: &mut DynamicMessage) {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let (seconds, nanos) = parts(message);
            let kept = match seconds {
                late if late > TIMES.1 => (TIMES.1, NANOS_MAX),
                early if early < TIMES.0 => (TIMES.0, 0),
                _ => (seconds, nanos.clamp(0, NANOS_MAX)),
            };
            put(message, kept);
        }
        "google.protobuf.Duration" => {
            let (seconds, nanos) = parts(message);
            // At the ends there are no parts of a second, and its sign is that of the seconds.
            let kept = match seconds {
                long if long >= DURATIONS.1 => (DURATIONS.1, 0),
                long if long <= DURATIONS.0 => (DURATIONS.0, 0),
                1.. => (seconds, nanos.clamp(0, NANOS_MAX)),
                0 => (seconds, nanos.clamp(-NANOS_MAX, NANOS_MAX)),
                _ => (seconds, nanos.clamp(-NANOS_MAX, 0)),
            };
            put(message, kept);
        }
        _ => message.fields_mut().for_each(|(_, value)| within(value)),
    }
}

fn within(value: &mut Value) {
    match value {
        Value::Message(message) => printable(message),
        Value::List(values) => values.iter_mut().for_each(within),
        Value::Map(values) => values.values_mut().for_each(within),
        _ => {}
    }
}

fn parts(message: &DynamicMessage) -> (i64, i32) {
    let field = |name| message.get_field_by_name(name);
    let seconds = field("seconds").and_then(|value| value.as_i64());
    let nanos = field("nanos").and_then(|value| value.as_i32());
    (seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

fn put(message: &mut DynamicMessage, (seconds, nanos): (i64, i32)) {
    message.set_field_by_name("seconds", Value::I64(seconds));
    message.set_field_by_name("nanos", Value::I32(nanos));
}
