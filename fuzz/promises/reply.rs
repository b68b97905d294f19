//! Whatever a mail server sends: replies within their bounds, or an error that repeats none of it, and
//! the same ones however the bytes are cut.

use mailwright::model::Reply;
use mailwright::smtp::Capabilities;
use mailwright::smtp::reply::{REPLY_MAX_BYTES, ReplyReader};

/// More replies than this are of no interest.
const REPLIES_MAX: usize = 1_000;

pub fn hold(bytes: &[u8]) {
    let (whole, error) = read(bytes, 4096);
    let (cut, other) = read(bytes, 1 + bytes.len() % 7);
    assert_eq!(whole, cut);
    assert_eq!(error, other);
    for reply in &whole {
        assert!((200..600).contains(&reply.code));
        // A byte that is no UTF-8 becomes a character of three.
        assert!(reply.text.len() <= 3 * REPLY_MAX_BYTES);
        assert!(!reply.text.contains(['\0', '\r', '\u{1b}']));
        let _ = (reply.provider_code(), reply.to_string());
        Capabilities::parse(reply);
    }
}

fn read(bytes: &[u8], size: usize) -> (Vec<Reply>, Option<&'static str>) {
    let (mut reader, mut replies) = (ReplyReader::default(), Vec::new());
    for chunk in bytes.chunks(size) {
        reader.extend(chunk);
        loop {
            match reader.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => return (replies, Some(error)),
            }
            if replies.len() >= REPLIES_MAX {
                return (replies, None);
            }
        }
    }
    (replies, None)
}
