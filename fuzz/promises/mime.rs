//! Whatever a caller gives as a finished message: one that every mail server reads the same way, or
//! violations that name what is wrong.

use mailwright::model::content::Mime;
use mailwright::model::{EmailAddress, Timestamp};
use mailwright::smtp::mime::{Stamp, check};

pub fn stamp() -> Stamp {
    Stamp {
        message_id: "<fuzz@example.com>".to_owned(),
        date: Timestamp::from_unix_seconds(1_772_366_400),
        boundary: "b".repeat(60),
    }
}

pub fn hold(bytes: &[u8]) {
    let sender: EmailAddress = "a@example.com".parse().expect("it is an address");
    let mime = Mime {
        content: bytes.to_vec().into(),
        from: None,
        to: vec![sender.clone()],
    };
    match check(&mime, |address| *address == sender, &stamp()) {
        Err(violations) => {
            assert!(!violations.is_empty() && violations.len() <= 21);
        }
        Ok(checked) => {
            clean(&checked.content);
            // Nothing is left to add.
            let again = Mime {
                content: checked.content.clone(),
                ..mime
            };
            let again = check(&again, |address| *address == sender, &stamp());
            assert_eq!(
                again.expect("what was taken once is taken again").content,
                checked.content
            );
        }
    }
}

/// Lines end in CRLF and nothing else does; no NUL; ends with a line end.
pub fn clean(content: &[u8]) {
    assert!(content.ends_with(b"\r\n"));
    assert!(!content.contains(&0));
    for (at, byte) in content.iter().enumerate() {
        match byte {
            b'\n' => assert!(at > 0 && content[at - 1] == b'\r', "a bare LF at {at}"),
            b'\r' => assert_eq!(content.get(at + 1), Some(&b'\n'), "a bare CR at {at}"),
            _ => {}
        }
    }
    for line in content.split(|byte| *byte == b'\n') {
        assert!(line.len() <= 999, "a line of {} octets", line.len());
    }
}
