//! lettre's own pool: hands `count` finished messages over, as many at once as there may be
//! connections, and prints the seconds from the first call to the last answer.

use std::env;
use std::error::Error;
use std::fs;
use std::time::Instant;

use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde::Deserialize;

#[derive(Deserialize)]
struct Asked {
    host: String,
    port: u16,
    connections: u32,
    count: usize,
    bytes: usize,
    authority: Option<String>,
    logs_in: bool,
    from: String,
    to: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let argument = env::args().nth(1).ok_or("what is to be sent?")?;
    if argument == "--version" {
        println!("lettre {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let asked: Asked = serde_json::from_str(&argument)?;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&asked.host)
        .port(asked.port)
        .pool_config(PoolConfig::new().max_size(asked.connections));
    if let Some(authority) = &asked.authority {
        let certificate = Certificate::from_pem(&fs::read(authority)?)?;
        let parameters = TlsParameters::builder(asked.host.clone());
        let parameters = parameters.add_root_certificate(certificate).build()?;
        builder = builder.tls(Tls::Required(parameters));
    }
    if asked.logs_in {
        builder = builder.credentials(Credentials::new(asked.from.clone(), "anything".into()));
    }
    let transport = builder.build();
    let envelope = Envelope::new(Some(asked.from.parse()?), vec![asked.to.parse()?])?;
    let head = format!(
        "From: {}\r\nTo: {}\r\nSubject: News\r\nMIME-Version: 1.0\r\n\r\n",
        asked.from, asked.to
    );
    let line = "The quick brown fox jumps over the lazy dog, and is paid for it.\r\n";
    let raw: Vec<u8> = head.bytes().chain(line.bytes().cycle()).take(asked.bytes).collect();

    let begin = Instant::now();
    let mut sending = Vec::new();
    for _ in 0..asked.connections {
        let (transport, envelope, raw) = (transport.clone(), envelope.clone(), raw.clone());
        let each = asked.count / asked.connections as usize;
        sending.push(tokio::spawn(async move {
            for _ in 0..each {
                transport.send_raw(&envelope, &raw).await?;
            }
            Ok::<_, lettre::transport::smtp::Error>(())
        }));
    }
    for task in sending {
        task.await??;
    }
    println!("{}", begin.elapsed().as_secs_f64());
    Ok(())
}
