//! Sessions per mailbox.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailwright::model::MailboxKey;
use mailwright::model::service::TlsMode;
use mailwright::smtp::{Credential, Envelope, Lease, Pool, Target, Timeouts, Transcript};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::world::{World, address, endpoint, settle};

/// A server that takes mail on every connection and counts them.
#[derive(Clone, Default)]
struct Relay(Arc<Counts>);

#[derive(Default)]
struct Counts {
    connections: AtomicU32,
    open: AtomicU32,
    most: AtomicU32,
    quits: AtomicU32,
    taken: AtomicU32,
    /// Whether it leaves QUIT without an answer; then, too, the test is told.
    clings: AtomicBool,
    /// Told when a recipient comes to whom it gives no answer.
    mute: Notify,
    commands: Mutex<Vec<String>>,
}

impl Relay {
    async fn start() -> (Self, u16) {
        let relay = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = relay.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let counts = Arc::clone(&server.0);
                counts.connections.fetch_add(1, Ordering::SeqCst);
                let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
                counts.most.fetch_max(open, Ordering::SeqCst);
                tokio::spawn(async move {
                    let _ = serve(stream, &counts).await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        (relay, port)
    }

    fn count(&self, of: fn(&Counts) -> &AtomicU32) -> u32 {
        of(&self.0).load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, counts: &Counts) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 relay\r\n").await?;
    let (mut line, mut in_data) = (String::new(), false);
    while stream.read_line(&mut line).await? > 0 {
        let command = std::mem::take(&mut line);
        if in_data {
            if command == ".\r\n" {
                in_data = false;
                counts.taken.fetch_add(1, Ordering::SeqCst);
                stream.write_all(b"250 taken\r\n").await?;
            }
            continue;
        }
        counts
            .commands
            .lock()
            .unwrap()
            .push(command.trim_end().to_owned());
        let answer = match command.as_str() {
            "DATA\r\n" => {
                in_data = true;
                "354 go\r\n"
            }
            "QUIT\r\n" if counts.clings.load(Ordering::SeqCst) => {
                counts.mute.notify_one();
                continue;
            }
            "QUIT\r\n" => {
                counts.quits.fetch_add(1, Ordering::SeqCst);
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            "RCPT TO:<refused@x.example>\r\n" => "550 no\r\n",
            "RCPT TO:<mute@x.example>\r\n" => {
                counts.mute.notify_one();
                continue;
            }
            _ => "250 ok\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

#[derive(Clone)]
struct Client {
    world: World,
    pool: Pool,
    target: Target,
}

impl Client {
    fn new(port: u16) -> Self {
        let world = World::new();
        let (env, egress) = (world.env.clone(), world.egress.clone());
        let hello_name = "client.example".to_owned();
        Self {
            pool: Pool::new(env, egress, Timeouts::default(), hello_name),
            target: Target {
                service_id: "news".parse().unwrap(),
                mailbox: MailboxKey::new("127.0.0.1", "a"),
                endpoint: endpoint(port, TlsMode::Plaintext),
            },
            world,
        }
    }

    async fn lease(&self, generation: u64, limit: u32) -> Lease {
        let transcript = &mut Transcript::default();
        let lease = self.pool.checkout(
            &self.target,
            generation,
            &Credential::None,
            limit,
            transcript,
        );
        lease.await.unwrap()
    }

    fn open(&self) -> usize {
        self.pool.open_connections(&self.target.mailbox)
    }
}

async fn send(lease: &mut Lease, recipient: &str) {
    let (from, to) = (address("a@x.example"), [address(recipient)]);
    let transcript = &mut Transcript::default();
    let envelope = Envelope::of(&from, &to, b"hello\r\n");
    let replies = lease.begin(&envelope, transcript).await.unwrap();
    if replies[0].is_accepted() {
        lease.body(b"hello\r\n", transcript).await.unwrap();
        assert!(lease.finish(transcript).await.unwrap().is_positive());
    }
}

#[tokio::test]
async fn there_are_never_more_connections_than_allowed() {
    let (relay, port) = Relay::start().await;
    let client = Client::new(port);
    let mut tasks = Vec::new();
    for number in 0..40u64 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            // Generations alternate, so that sessions are opened anew again and again.
            let mut lease = client.lease(number / 5 % 2, 3).await;
            assert!(client.open() <= 3);
            send(&mut lease, "b@x.example").await;
            lease.park().await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(relay.count(|counts| &counts.taken), 40);
    assert_eq!(relay.count(|counts| &counts.most), 3);
    assert!(client.open() <= 3);
}

#[tokio::test]
async fn a_changed_limit_holds_for_the_next_checkout() {
    let (_relay, port) = Relay::start().await;
    let client = Client::new(port);
    let (first, second) = (client.lease(1, 2).await, client.lease(1, 2).await);
    let third = tokio::spawn({
        let client = client.clone();
        async move { client.lease(1, 1).await }
    });
    settle().await;
    drop(first);
    settle().await;
    assert!(!third.is_finished(), "one is in use and one is allowed");
    second.park().await;
    let third = third.await.unwrap();
    assert_eq!(client.open(), 1);
    let fourth = client.lease(1, 2).await;
    assert_eq!(client.open(), 2);
    drop((third, fourth));
    assert_eq!(client.open(), 0);
}

#[tokio::test]
async fn a_parked_session_serves_again_and_needs_no_reset() {
    let (relay, port) = Relay::start().await;
    let client = Client::new(port);
    for number in 0..5 {
        let mut lease = client.lease(1, 3).await;
        assert_eq!(lease.is_reused(), number > 0);
        send(&mut lease, "b@x.example").await;
        lease.park().await;
    }
    assert_eq!(relay.count(|counts| &counts.connections), 1);
    let mut lease = client.lease(1, 3).await;
    send(&mut lease, "refused@x.example").await;
    lease.park().await;
    assert!(client.lease(1, 3).await.is_reused());
    let commands = relay.0.commands.lock().unwrap().clone();
    assert_eq!(commands.iter().filter(|line| *line == "RSET").count(), 1);
}

#[tokio::test]
async fn a_new_token_generation_says_good_bye_to_old_sessions() {
    let (relay, port) = Relay::start().await;
    let client = Client::new(port);
    client.lease(1, 3).await.park().await;
    let old = {
        let parked = client.lease(1, 3).await;
        assert!(parked.is_reused());
        parked
    };
    let new = client.lease(2, 3).await;
    assert!(!new.is_reused());
    // The old one comes back after the change.
    old.park().await;
    assert_eq!(relay.count(|counts| &counts.quits), 1);
    new.park().await;
    let newest = client.lease(3, 3).await;
    assert!(!newest.is_reused());
    assert_eq!(relay.count(|counts| &counts.quits), 2);
}

#[tokio::test]
async fn services_of_a_mailbox_share_its_connections_but_no_session() {
    let (relay, port) = Relay::start().await;
    let news = Client::new(port);
    let mut bills = news.clone();
    bills.target.service_id = "bills".parse().unwrap();
    news.lease(7, 2).await.park().await;
    // Another service's token says nothing about ours, and theirs stays as good as it was.
    let theirs = bills.lease(1, 2).await;
    assert!(!theirs.is_reused());
    theirs.park().await;
    let (again, theirs) = (news.lease(7, 2).await, bills.lease(1, 2).await);
    assert!(again.is_reused() && theirs.is_reused());
    again.park().await;
    // With room for one, whoever needs it sends the other's home.
    let second = bills.lease(1, 2).await;
    assert!(!second.is_reused());
    assert_eq!(relay.count(|counts| &counts.quits), 1);
    assert_eq!(news.open(), 2);
}

#[tokio::test]
async fn a_retired_mailbox_keeps_no_session() {
    let (relay, port) = Relay::start().await;
    let client = Client::new(port);
    let (first, second) = (client.lease(1, 3).await, client.lease(1, 3).await);
    first.park().await;
    client.pool.retire(&client.target.mailbox).await;
    second.park().await;
    assert_eq!(relay.count(|counts| &counts.quits), 2);
    assert_eq!(client.open(), 0);
}

#[tokio::test]
async fn an_old_idle_or_much_used_session_is_replaced() {
    let (relay, port) = Relay::start().await;
    let client = Client::new(port);
    client.lease(1, 3).await.park().await;
    client.world.env.advance(Duration::from_secs(59));
    client.pool.close_idle().await;
    assert_eq!(client.open(), 1);
    client.world.env.advance(Duration::from_secs(1));
    client.pool.close_idle().await;
    assert_eq!(client.open(), 0);

    let aged = client.lease(1, 3).await;
    client.world.env.advance(Duration::from_secs(9 * 60));
    aged.park().await;
    assert_eq!((client.open(), relay.count(|counts| &counts.quits)), (0, 2));

    for _ in 0..100 {
        let mut lease = client.lease(1, 3).await;
        send(&mut lease, "b@x.example").await;
        lease.park().await;
    }
    assert_eq!((client.open(), relay.count(|counts| &counts.quits)), (0, 3));
}

#[tokio::test]
async fn a_session_that_must_go_keeps_its_place_until_it_is_closed() {
    let (relay, port) = Relay::start().await;
    relay.0.clings.store(true, Ordering::SeqCst);
    let client = Client::new(port);
    client.lease(1, 1).await.park().await;
    client.world.env.advance(Duration::from_secs(60));
    let sweeper = client.clone();
    let parting = tokio::spawn(async move { sweeper.pool.close_idle().await });
    relay.0.mute.notified().await;
    let next = tokio::spawn({
        let client = client.clone();
        async move { client.lease(1, 1).await }
    });
    settle().await;
    assert!(!next.is_finished(), "the old connection is still there");
    assert_eq!(client.open(), 1);
    client.world.env.advance(Duration::from_secs(5));
    parting.await.unwrap();
    assert!(!next.await.unwrap().is_reused());
}

#[tokio::test]
async fn a_session_that_the_server_closed_is_not_handed_out() {
    let client = Client::new(closing_server().await);
    client.lease(1, 3).await.park().await;
    settle().await;
    assert_eq!(client.open(), 1);
    assert!(!client.lease(1, 3).await.is_reused());
}

/// Says that it closes each connection right after EHLO.
async fn closing_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 mx\r\n").await.unwrap();
            stream.read_line(&mut String::new()).await.unwrap();
            stream
                .write_all(b"250 mx\r\n421 4.4.2 idle\r\n")
                .await
                .unwrap();
        }
    });
    port
}

#[tokio::test]
async fn a_cancelled_send_never_gives_its_session_to_another_message() {
    let (relay, port) = Relay::start().await;
    let client = Client::new(port);
    client.lease(1, 1).await.park().await;
    let cancelled = tokio::spawn({
        let client = client.clone();
        async move {
            let mut lease = client.lease(1, 1).await;
            send(&mut lease, "mute@x.example").await;
        }
    });
    relay.0.mute.notified().await;
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    assert_eq!(client.open(), 0);
    let mut lease = client.lease(1, 1).await;
    assert!(!lease.is_reused());
    send(&mut lease, "b@x.example").await;
    assert_eq!(relay.count(|counts| &counts.taken), 1);

    // Not even where the lease outlives the cancelled step and is parked.
    let (from, to) = (address("a@x.example"), [address("mute@x.example")]);
    let envelope = Envelope::of(&from, &to, b"");
    let transcript = &mut Transcript::default();
    tokio::select! {
        biased;
        _ = lease.begin(&envelope, transcript) => panic!("the server is mute"),
        () = relay.0.mute.notified() => {}
    }
    assert!(!lease.is_reusable());
    lease.park().await;
    assert_eq!(client.open(), 0);
}

#[tokio::test]
async fn a_failed_connection_leaves_its_place_to_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let client = Client::new(port);
    for _ in 0..3 {
        let transcript = &mut Transcript::default();
        let refused = client
            .pool
            .checkout(&client.target, 1, &Credential::None, 1, transcript);
        assert!(refused.await.is_err());
        assert_eq!(client.open(), 0);
    }
}
