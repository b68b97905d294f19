//! The sandbox has its own copy of the providers' texts, and imports nothing that these tests judge
//! by. So that it plays the servers that are and not ones that we made up, each refusal in its
//! source is held against the replies of the facts in this folder.

const SANDBOX: &str = include_str!("../../src/sandbox/smtp/replies.rs");
const FACTS: &str = include_str!("exchange.rs");

/// What no fact has in these words: faults that need some refusal, or texts that are shortened.
const OWN: [&str; 5] = [
    "554 5.7.1 Message can't be submitted",
    "450 4.2.0 Recipient deferred, please try again later",
    "550 5.6.11 Message contains bare line feeds",
    "430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed: Unable to make connection to the server. [Hostname=",
    // The rest is put in between; its own test reads it.
    "554-5.2.0",
];

#[test]
fn what_the_sandbox_refuses_in_is_a_servers_own_text() {
    let refusals: Vec<_> = SANDBOX.split('"').filter_map(refusal).collect();
    assert!(refusals.len() > 20, "{refusals:?}");
    let (own, copied): (Vec<_>, Vec<_>) = refusals.into_iter().partition(|text| OWN.contains(text));
    assert_eq!(own.len(), OWN.len(), "no exception has lost its reason");
    for text in copied {
        assert!(FACTS.contains(text.trim_end_matches('.')), "{text}");
    }
}

/// A literal that is a 4xx or 5xx reply, up to what is put into it.
fn refusal(literal: &str) -> Option<&str> {
    let bytes = literal.as_bytes();
    let is_reply = bytes.len() > 4
        && matches!(bytes[0], b'4' | b'5')
        && bytes[1..3].iter().all(u8::is_ascii_digit)
        && matches!(bytes[3], b' ' | b'-');
    let text = literal.split('{').next().unwrap_or(literal).trim();
    is_reply.then_some(text)
}
