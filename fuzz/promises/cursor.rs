//! Whatever a caller gives as a cursor, an id, an address or a trace: the value that writes it the same
//! way, or an error.

use mailwright::keys::Presented;
use mailwright::model::event::Cursor;
use mailwright::model::{AccessKeyId, EmailAddress, MessageId, ServiceId};

pub fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text);
    }
    if let Ok(id) = text.parse::<MessageId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<ServiceId>() {
        assert_eq!(id.as_str(), text);
    }
    let _ = text.parse::<AccessKeyId>();
    let _ = Presented::parse(text);
    if let Ok(address) = text.parse::<EmailAddress>() {
        let shown = address.to_string();
        assert!(
            !shown.contains(['\r', '\n', '\0', '<', '>', ' ']) || shown.contains('"'),
            "{shown:?}"
        );
        assert_eq!(shown.parse(), Ok(address));
    }
}
