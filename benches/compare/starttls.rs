//! Delivery over STARTTLS with a login, by password and by OAuth 2.0.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use mailwright::rpc::proto::v1::service::Auth;
use mailwright::rpc::proto::v1::{
    BeginAuthorizeRequest, CompleteAuthorizeRequest, CustomProvider, OAuth2, PasswordAuth,
    Provider, TlsMode,
};

use crate::Bench;
use crate::certificate::Certificate;
use crate::deliver::{CONNECTIONS, ours, queued};
use crate::machine;
use crate::peers::{Load, lettre, nodemailer, smtp_source, versions};
use crate::program::{Program, free_port};
use crate::report::{Section, Stat, Table};
use crate::server::{SETTINGS, Server};
use crate::sink;

/// What an old client sends through when its provider wants OAuth 2.0.
const PROXIED: [usize; 2] = [1, 10];

#[derive(Default)]
struct Figures {
    /// Mailwright, nodemailer, lettre; by connections.
    password: [[Stat; 3]; CONNECTIONS.len()],
    /// Mailwright, nodemailer through email-oauth2-proxy; by connections.
    oauth2: [[Stat; 2]; PROXIED.len()],
    /// Over 50 connections without TLS: Postfix's sink, ours.
    ceilings: [Stat; 2],
}

/// The sink of a round, and who vouches for it.
struct Place {
    at: SocketAddr,
    tokens: SocketAddr,
    tls: Certificate,
    _sink: Program,
}

pub fn section(bench: &Bench) -> Section {
    let mut figures = Figures::default();
    for round in 0..bench.samples {
        eprintln!("starttls: round {round}");
        let folder = bench.fresh("starttls");
        let place = place(bench, &folder);
        let authority = place.tls.authority.to_str().unwrap().to_owned();
        let server = Server::start(
            &folder,
            &[
                ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
                ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", &authority),
            ],
        );
        ceilings(bench, &place, &mut figures);
        for (stats, connections) in figures.password.iter_mut().zip(CONNECTIONS) {
            by_password(bench, &server, &place, connections, stats);
        }
        for (stats, connections) in figures.oauth2.iter_mut().zip(PROXIED) {
            by_oauth2(bench, &server, &place, connections, stats);
        }
    }
    describe(bench, &figures)
}

fn place(bench: &Bench, folder: &std::path::Path) -> Place {
    let [at, tokens] = [0; 2].map(|_| local());
    let tls = Certificate::make(folder);
    let log = bench.folder.join("sink.log");
    Place {
        at,
        tokens,
        _sink: sink::tls_sink(&log, at, tokens, &tls),
        tls,
    }
}

fn local() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)).into()
}

/// What the sinks take at most, by the fastest that there is.
fn ceilings(bench: &Bench, place: &Place, figures: &mut Figures) {
    let postfix = local();
    let _sink = sink::smtp_sink(&bench.folder.join("sink.log"), postfix, None);
    for (stat, at) in figures.ceilings.iter_mut().zip([postfix, place.at]) {
        stat.push(smtp_source(Load {
            at,
            connections: 50,
            bytes: 4096,
            count: bench.count(15_000),
            authority: None,
            logs_in: false,
        }));
    }
}

fn by_password(
    bench: &Bench,
    server: &Server,
    place: &Place,
    connections: usize,
    stats: &mut [Stat; 3],
) {
    let load = |count: usize| encrypted(bench, place, connections, count);
    let id = format!("login-{connections}");
    let auth = Auth::Password(PasswordAuth {
        username: format!("{id}@example.com"),
        password: "anything".into(),
    });
    let most = u32::try_from(connections).unwrap();
    bench.runtime.block_on(async {
        server
            .create(&id, place.at, TlsMode::Starttls, auth, most)
            .await;
        server.prove(&id).await;
    });
    stats[0].push(ours(bench, server, &id, load(queued(connections))));
    stats[1].push(nodemailer(bench, load(4_000)));
    stats[2].push(lettre(bench, load(30 * connections)));
}

fn encrypted<'a>(bench: &Bench, place: &'a Place, connections: usize, count: usize) -> Load<'a> {
    Load {
        at: place.at,
        connections,
        bytes: 4096,
        count: bench.count(count).max(connections),
        authority: Some(&place.tls.authority),
        logs_in: true,
    }
}

fn by_oauth2(
    bench: &Bench,
    server: &Server,
    place: &Place,
    connections: usize,
    stats: &mut [Stat; 2],
) {
    let id = format!("granted-{connections}");
    let most = u32::try_from(connections).unwrap();
    bench.runtime.block_on(async {
        let auth = Auth::Oauth2(Box::new(oauth2(place, &id)));
        server
            .create(&id, place.at, TlsMode::Starttls, auth, most)
            .await;
        authorize(server, &id).await;
        server.prove(&id).await;
    });
    let load = encrypted(bench, place, connections, queued(connections));
    stats[0].push(ours(bench, server, &id, load));
    let at = local();
    let _proxy = proxy(bench, place, at);
    // It passes on some twenty a second over a connection, and not much more over many.
    let count = bench.count(60 + 30 * connections).max(connections);
    stats[1].push(nodemailer(
        bench,
        Load {
            at,
            count,
            authority: None,
            ..load
        },
    ));
}

fn oauth2(place: &Place, id: &str) -> OAuth2 {
    let url = format!("http://{}/token", place.tokens);
    OAuth2 {
        provider: Provider::Custom.into(),
        login_email: format!("{id}@example.com"),
        client_id: "bench".into(),
        client_secret: "a-secret".into(),
        scopes: vec!["mail".into()],
        custom: Some(CustomProvider {
            authorization_endpoint: url.clone(),
            token_endpoint: url,
            disable_openid: true,
            ..CustomProvider::default()
        }),
        ..OAuth2::default()
    }
}

/// As a platform does that owns the page to which the provider leads back.
async fn authorize(server: &Server, id: &str) {
    let mut admin = server.admin().await;
    let begin = BeginAuthorizeRequest {
        service_id: id.into(),
        ..BeginAuthorizeRequest::default()
    };
    let begun = admin.begin_authorize(begin).await.unwrap().into_inner();
    let complete = CompleteAuthorizeRequest {
        state: begun.state,
        code: "a-code".into(),
        service_id: id.into(),
        ..CompleteAuthorizeRequest::default()
    };
    admin.complete_authorize(complete).await.unwrap();
}

/// email-oauth2-proxy in plain text towards its client, with STARTTLS and XOAUTH2 towards the sink.
fn proxy(bench: &Bench, place: &Place, at: SocketAddr) -> Program {
    let folder = bench.fresh("emailproxy");
    let config = folder.join("emailproxy.config");
    let text = format!(
        "[SMTP-{}]\nlocal_address = 127.0.0.1\nserver_address = localhost\nserver_port = {}\n\
server_starttls = True\n\n[{}]\ntoken_url = http://{}/token\noauth2_flow = client_credentials\n\
oauth2_scope = mail\nclient_id = bench\nclient_secret = a-secret\n",
        at.port(),
        place.at.port(),
        crate::server::FROM,
        place.tokens,
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(bench.tools.join("emailproxy/bin/emailproxy"));
    command.args(["--no-gui", "--config-file"]).arg(&config);
    // Python's way to trust one more authority.
    command.env("SSL_CERT_FILE", &place.tls.authority);
    Program::start(&mut command, &folder.join("log")).listens(at)
}

fn describe(bench: &Bench, figures: &Figures) -> Section {
    let mut section = Section::new("starttls", "Deliver: over STARTTLS, with a login");
    section.versions = versions(bench);
    let proxy = bench.tools.join("emailproxy/bin/emailproxy");
    section
        .versions
        .push(machine::version(proxy, &["--version"]));
    section.say(
        "`smtp-sink` has neither STARTTLS nor AUTH, so the sink is one of our own (`benches/compare/sink.rs`), which \
believes every login. The certificate is checked by everybody. A connection takes a hundred messages, so each pays for \
its handshake and login by a hundredth. Otherwise as above.",
    );
    section.say(SETTINGS);
    section.say(
        "By OAuth 2.0, **email-oauth2-proxy** stands between nodemailer and the sink: it adds XOAUTH2 and STARTTLS to a \
connection that nodemailer holds, without encryption on loopback. It only relays: nothing is queued, nothing kept, and a \
message that meets an expired grant fails in its client. Mailwright's messages come from its queue on disk.",
    );
    let mut table = Table::new(
        "What the sinks take from smtp-source over 50 connections, without TLS",
        &["", "a second"],
    );
    for (name, stat) in ["Postfix's smtp-sink", "ours"]
        .into_iter()
        .zip(&figures.ceilings)
    {
        table.row(vec![name.into(), stat.clone().into()]);
    }
    section.tables.push(table);
    let columns = [
        "4 KiB, by password",
        "1 connection",
        "3 connections",
        "10 connections",
        "50 connections",
    ];
    let mut table = Table::new("Messages a second", &columns);
    for (who, name) in ["Mailwright", "nodemailer's pool", "lettre's pool"]
        .into_iter()
        .enumerate()
    {
        let mut row = vec![name.into()];
        row.extend(figures.password.iter().map(|of| of[who].clone().into()));
        table.row(row);
    }
    section.tables.push(table);
    let columns = ["4 KiB, by OAuth 2.0", "1 connection", "10 connections"];
    let mut table = Table::new("Messages a second", &columns);
    for (who, name) in ["Mailwright", "nodemailer through email-oauth2-proxy"]
        .into_iter()
        .enumerate()
    {
        let mut row = vec![name.into()];
        row.extend(figures.oauth2.iter().map(|of| of[who].clone().into()));
        table.row(row);
    }
    section.tables.push(table);
    section
}
