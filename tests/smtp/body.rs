//! What arrives is what was sent.

use mailwright::env::Env;
use mailwright::model::Timestamp;
use mailwright::model::service::TlsMode;
use mailwright::smtp::{Credential, Envelope, Session, Settings, Transcript};
use proptest::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

use crate::world::{World, address, endpoint};

/// Takes one message as RFC 5321 §4.5.2 says, and gives it back without the stuffing.
async fn receive(stream: DuplexStream) -> Vec<u8> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mx\r\n").await.unwrap();
    let mut content = Vec::new();
    let (mut line, mut in_data) = (Vec::new(), false);
    while stream.read_until(b'\n', &mut line).await.unwrap() > 0 {
        let answer = match (in_data, &line[..]) {
            (true, b".\r\n") => return content,
            (true, stuffed) => {
                content.extend_from_slice(stuffed.strip_prefix(b".").unwrap_or(stuffed));
                ""
            }
            (false, b"DATA\r\n") => {
                in_data = true;
                "354 go\r\n"
            }
            (false, _) => "250 ok\r\n",
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        line.clear();
    }
    panic!("the client closed before the final dot");
}

async fn deliver(settings: &Settings, pieces: &[Vec<u8>]) -> Vec<u8> {
    let (near, far) = tokio::io::duplex(64);
    let server = tokio::spawn(receive(far));
    let (from, to) = (address("a@x.example"), [address("b@x.example")]);
    let endpoint = endpoint(25, TlsMode::Plaintext);
    let transcript = &mut Transcript::default();
    let session = Session::open(near, settings, &endpoint, &Credential::None, transcript).await;
    let mut session = session.unwrap();
    let envelope = Envelope::of(&from, &to, &[]);
    session.begin(&envelope, transcript).await.unwrap();
    for piece in pieces {
        session.body(piece, transcript).await.unwrap();
    }
    // The server leaves without a reply: the answer is not what is tested.
    let lost = session.finish(transcript).await.unwrap_err();
    assert!(lost.may_have_been_taken());
    server.await.unwrap()
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let token = prop_oneof![
        Just("."),
        Just("\r\n"),
        Just("a"),
        Just(".."),
        Just("\r\n.\r\n")
    ];
    let text = proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat());
    (text, 1..20usize)
        .prop_map(|(text, size)| text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn any_content_in_any_pieces_arrives_as_it_was(pieces in pieces()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let env = Env::manual(Timestamp::from_unix_seconds(1_772_366_400), 1);
        let settings = Settings { env, ..World::new().settings };
        let mut sent = pieces.concat();
        let arrived = runtime.block_on(deliver(&settings, &pieces));
        if !sent.is_empty() && !sent.ends_with(b"\r\n") {
            sent.extend_from_slice(b"\r\n");
        }
        prop_assert_eq!(arrived, sent);
    }
}
