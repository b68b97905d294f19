//! What is counted: mail that comes by gRPC and is on disk, and mail that goes by SMTP and is SENT.
//!
//! All on one thread (the store's own threads aside), one message at a time, on a clock that stands
//! and with randomness from a seed: two runs do the same. Client and sink are in it, too: they cost
//! little, and always the same.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mailwright::app::{App, Listeners};
use mailwright::config::Config;
use mailwright::env::Env;
use mailwright::metrics::Metrics;
use mailwright::model::Timestamp;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, service::Auth};
use mailwright::store::Store;
use mailwright::store::sled::{Options, SledStore};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::sink;

/// Messages that are accepted and delivered before those that count: whatever is made once is made.
pub const BEFORE: u32 = 100;

/// Messages that count: few enough that the store's log does not turn over among them. How much goes to
/// sled then, and when, is a matter of threads.
pub const MESSAGES: u32 = 400;

/// What the callgrind marks are called.
pub const MARK: &str = "a_phase_ends";

/// Seconds; nothing reads another clock.
const START: i64 = 1_754_306_130;

/// How far ahead mail is scheduled, so that it is accepted first and delivered then.
const AHEAD: Duration = Duration::from_secs(3_600);

const KEY: &str =
    "mw_01k1qd3mkg0123456789abcdef_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjkmnpq";

type Mail =
    MailApiClient<InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>>;

/// Accepts, then delivers, in a new store in this folder. Between the phases it calls what callgrind
/// is told to look for, so that each phase is a dump of its own.
pub fn run(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(work(folder));
}

/// Callgrind dumps what was counted since the last one, where this is called.
#[inline(never)]
fn a_phase_ends(phase: &str) {
    black_box(phase);
}

async fn work(folder: &Path) {
    let env = Env::manual(Timestamp::from_unix_seconds(START), 7);
    let sink = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = sink.local_addr().expect("an address").port();
    tokio::spawn(sink::serve(sink));
    let config = config(folder);
    let (store, metrics) = (&config.data.folder, Metrics::new());
    let store = SledStore::open(store, &env, &metrics, Options::default());
    let store = Arc::new(store.expect("a new store opens"));
    let listeners = Listeners::bind(&config).await.expect("ports");
    let grpc = listeners.grpc.local_addr().expect("an address");
    let app = App::build(config, listeners, store.clone(), env.clone(), metrics);
    let app = app.await.expect("the app is built");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(app.run_until(async {
        let _ = stopped.await;
    }));
    let endpoint = Endpoint::from_shared(format!("http://{grpc}")).expect("a URL");
    let channel = endpoint.connect().await.expect("the server is there");
    create_service(channel.clone(), port).await;
    let mut mail = MailApiClient::with_interceptor(channel, with_key as fn(_) -> _);

    let mut next = 0;
    for (messages, counts) in [(BEFORE, false), (MESSAGES, true)] {
        if counts {
            a_phase_ends("warm-up");
        }
        accept(&mut mail, env.now() + AHEAD, next..next + messages).await;
        if counts {
            a_phase_ends("accept");
        }
        env.advance(AHEAD);
        until_delivered(&*store).await;
        if counts {
            a_phase_ends("deliver");
        }
        next += messages;
    }
    drop(mail);
    let _ = stop.send(());
    served.abort();
}

fn config(folder: &Path) -> Config {
    let mut config = Config::defaults();
    let any = "127.0.0.1:0".parse().expect("an address");
    config.server.grpc_listen = any;
    config.server.http_listen = any;
    config.metrics.listen = String::new();
    config.data.folder = folder.join("data");
    config.egress.allow = vec!["127.0.0.0/8".into()];
    config.egress.allow_plaintext_smtp = vec!["127.0.0.0/8".into()];
    // One after another: which of several comes first is no matter of chance.
    config.delivery.max_in_flight = 1;
    std::fs::create_dir_all(&config.data.folder).expect("the folder can be made");
    std::fs::write(config.data.folder.join("admin.key"), KEY).expect("the key can be written");
    config
}

#[allow(clippy::result_large_err)] // tonic's signature
fn with_key(mut request: Request<()>) -> Result<Request<()>, Status> {
    let value = format!("Bearer {KEY}").parse().expect("a key is ASCII");
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

async fn create_service(channel: Channel, port: u16) {
    let mut admin = AdminApiClient::with_interceptor(channel, with_key as fn(_) -> _);
    let service = v1::Service {
        display_name: "News".into(),
        smtp: Some(v1::Smtp {
            host: "127.0.0.1".into(),
            port: port.into(),
            tls: v1::TlsMode::Plaintext.into(),
        }),
        sender: Some(v1::Sender {
            address: "news@example.com".into(),
            name: "News".into(),
            ..Default::default()
        }),
        delivery: Some(v1::Delivery {
            max_connections: Some(1),
            messages_per_minute: Some(100_000),
            recipients_per_day: Some(10_000_000),
            ..Default::default()
        }),
        auth: Some(Auth::None(v1::NoAuth {})),
        ..Default::default()
    };
    let create = v1::CreateServiceRequest {
        service_id: "news".into(),
        service: Some(service),
    };
    admin.create_service(create).await.expect("it is created");
    let test = v1::SendTestRequest {
        service_id: "news".into(),
        to: "someone@example.net".into(),
    };
    let test = admin
        .send_test(test)
        .await
        .expect("it is tested")
        .into_inner();
    assert!(test.passed, "{test:?}");
}

/// Each waits until the one before is on disk.
async fn accept(mail: &mut Mail, send_time: Timestamp, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let request = v1::SendRequest {
            service_id: "news".into(),
            request_id: format!("request-{number}"),
            send_time: Some(prost_types::Timestamp {
                seconds: send_time.unix_micros() / 1_000_000,
                nanos: 0,
            }),
            content: Some(v1::send_request::Content::Email(Box::new(email()))),
            ..Default::default()
        };
        mail.send(request).await.expect("it is accepted");
    }
}

/// 1 KiB of text to one recipient.
fn email() -> v1::Email {
    v1::Email {
        to: vec![v1::Address {
            address: "someone@example.net".into(),
            name: "Someone".into(),
        }],
        subject: "Your invoice".into(),
        text_body: "Sixty-three letters and a line's end, so that lines are 64 long.\n".repeat(16),
        ..Default::default()
    }
}

async fn until_delivered(store: &dyn Store) {
    let mut changed = store.changed();
    loop {
        changed.borrow_and_update();
        let totals = store.totals().await.expect("the store works");
        if totals.waiting.messages == 0 {
            return;
        }
        changed.changed().await.expect("the store is there");
    }
}
