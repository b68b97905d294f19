//! `mailwright check`: whether a server can do its work here, and what to do where it can't.
//!
//! Where no server has the data folder, the store is opened and looked at; nothing is changed in it.
//! Where one has, that is said, and the server itself is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustix::fs::statvfs;

use super::Failed;
use super::client::Client;
use crate::app;
use crate::config::Config;
use crate::egress::Egress;
use crate::env::Env;
use crate::metrics::Metrics;
use crate::model::service::Service;
use crate::ops::{token, vault_keys};
use crate::rpc::proto::v1;
use crate::store::sled::{OpenError, Options, SledStore};
use crate::store::{ServiceFilter, Store};
use crate::vault::{KeyRing, Source, SourceError};

/// Below this, a disk is nearly full.
const ROOM_BYTES: u64 = 1024 * 1024 * 1024;

/// An event may be so much newer than now: clocks of one machine are set forward and back.
const SKEW_MICROS: i64 = 60 * 1_000_000;

/// Services that are read at once.
const PAGE: usize = 256;

/// Options of `check`.
#[derive(Args)]
pub struct Check {
    /// The configuration file that the server is run with
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    client: Client,
}

/// What has been looked at so far.
#[derive(Default)]
struct Report {
    failures: u32,
}

impl Report {
    fn ok(&self, what: &str, found: &str) {
        println!("ok    {what}: {found}");
    }

    fn warn(&self, what: &str, found: &str, next: &str) {
        println!("WARN  {what}: {found}\n      -> {next}");
    }

    fn fail(&mut self, what: &str, found: &str, next: &str) {
        self.failures += 1;
        println!("FAIL  {what}: {found}\n      -> {next}");
    }
}

impl Check {
    /// Looks at everything, and prints a line or two for each thing.
    ///
    /// # Errors
    /// When something fails.
    pub async fn run(self) -> Result<(), Failed> {
        let mut report = Report::default();
        match Config::load(self.config.as_deref(), &super::variables()) {
            Ok(config) => {
                report.ok("configuration", "it can be used");
                self.look(&config, &mut report).await;
            }
            Err(error) => report.fail(
                "configuration",
                &error.to_string(),
                "mend it; --print-config of serve shows all keys",
            ),
        }
        match report.failures {
            0 => Ok(()),
            count => Err(Failed::new(1, format!("{count} of these fail"))),
        }
    }

    async fn look(&self, config: &Config, report: &mut Report) {
        let env = Env::system();
        let ring = keys(config, &env, report).await;
        room(&config.data.folder, report);
        let egress = match app::egress(config, &env) {
            Ok(egress) => egress,
            Err(error) => return report.fail("egress", &error.to_string(), "mend [egress]"),
        };
        if !is_begun(config) {
            // Right before the first start, and else a sign that this looks at another folder.
            return report.warn(
                "store",
                &format!("no store at {}", shown(&config.data.folder)),
                "is this the folder of the server? set data.folder or MAILWRIGHT_DATA_FOLDER; the first start of a new server makes it",
            );
        }
        match SledStore::open(
            &config.data.folder,
            &env,
            &Metrics::new(),
            Options::default(),
        ) {
            Ok(store) => {
                report.ok("store", "it opens, and no server has it");
                stored(
                    config,
                    &env,
                    &Arc::new(store),
                    ring.as_ref(),
                    &egress,
                    report,
                )
                .await;
            }
            Err(OpenError::Owned { by }) => {
                report.ok("store", &format!("in use by {by}, so that server is asked"));
                self.ask(&egress, report).await;
            }
            Err(error @ OpenError::TooNew { .. }) => {
                report.fail("store", &error.to_string(), "run the newer version");
            }
            Err(error @ OpenError::Failed(_)) => report.fail(
                "store",
                &error.to_string(),
                "mend what it says; else restore a backup into an empty folder",
            ),
        }
    }

    /// What a running server says of itself.
    async fn ask(&self, egress: &Egress, report: &mut Report) {
        let next = "give its address and an access key: --server, --key-file";
        let connected = match self.client.connect().await {
            Ok(connected) => connected,
            Err(error) => return report.warn("server", &error.to_string(), next),
        };
        let mut page_token = String::new();
        loop {
            let list = v1::ListServicesRequest {
                page_token,
                ..Default::default()
            };
            let answer = connected
                .admin()
                .list_services(connected.request(list))
                .await;
            let listed = match answer {
                Ok(listed) => listed.into_inner(),
                Err(status) => return report.warn("server", status.message(), next),
            };
            for service in listed.services {
                told(&service, egress, report).await;
            }
            page_token = listed.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        report.ok("server", &format!("{} answers", connected.address()));
    }
}

/// Whether a server has ever had this data folder.
fn is_begun(config: &Config) -> bool {
    config.data.folder.join("rows").exists()
}

/// A path that says where it is also to who stands elsewhere.
fn shown(path: &Path) -> String {
    let whole = std::path::absolute(path);
    whole.as_deref().unwrap_or(path).display().to_string()
}

async fn keys(config: &Config, env: &Env, report: &mut Report) -> Option<KeyRing> {
    let source = Source::of(config);
    let what = source.to_string();
    match source.read(env).await {
        Ok(ring) => {
            let others = ring.ids().len() - 1;
            let found = format!("key {} seals, {others} more open", ring.first().id());
            match &source {
                Source::File(path) if is_open_to_others(path) => report.warn(
                    &what,
                    &format!("{found}; others may read the file"),
                    "chmod 600",
                ),
                _ => report.ok(&what, &found),
            }
            Some(ring)
        }
        Err(SourceError::Missing(_)) if !is_begun(config) => {
            let next = "the first start of a new server makes it; bring an old server's back";
            report.warn(&what, "it isn't there", next);
            None
        }
        Err(error) => {
            report.fail(
                &what,
                &error.to_string(),
                "bring the keys back: without them nothing opens",
            );
            None
        }
    }
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

fn room(folder: &Path, report: &mut Report) {
    let there = folder.ancestors().find(|path| path.exists());
    let Ok(disk) = statvfs(there.unwrap_or(Path::new("."))) else {
        return report.warn(
            "disk",
            "it doesn't tell its free space",
            "look at it yourself",
        );
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MiB free under {}", free / 1024 / 1024, folder.display());
    let reserve = Options::default().reserve_bytes;
    if free < reserve.saturating_mul(2) {
        report.fail("disk", &found, "make room: new mail is refused");
    } else if free < ROOM_BYTES {
        report.warn("disk", &found, "make room before it is full");
    } else {
        report.ok("disk", &found);
    }
}

async fn stored(
    config: &Config,
    env: &Env,
    store: &Arc<SledStore>,
    ring: Option<&KeyRing>,
    egress: &Egress,
    report: &mut Report,
) {
    let unread = "restore a backup into an empty folder";
    match (store.vault_keys().await, ring) {
        (Ok(known), Some(ring)) => match vault_keys::check(ring, &known.unwrap_or_default()) {
            Ok(()) => report.ok("keys", "they open what is stored"),
            Err(why) => report.fail("keys", &why, "bring the right key back"),
        },
        (Ok(_), None) => {}
        (Err(error), _) => report.fail("keys", &format!("{error:?}"), unread),
    }
    if let Err(why) = clock(env, store.as_ref(), report).await {
        report.fail("log", &why, unread);
    }
    let mut after = None;
    loop {
        let filter = ServiceFilter::default();
        let rows = match store.services(&filter, after.as_ref(), PAGE).await {
            Ok(rows) => rows,
            Err(error) => return report.fail("services", &format!("{error:?}"), unread),
        };
        let Some(last) = rows.last() else { return };
        after = Some(last.service.id.clone());
        for row in rows {
            ways_out(config, &row.service, egress, report).await;
        }
    }
}

/// Whether now is behind what was written.
async fn clock(env: &Env, store: &dyn Store, report: &mut Report) -> Result<(), String> {
    let failed = |error| format!("{error:?}");
    let bounds = store.bounds().await.map_err(failed)?;
    if bounds.newest == bounds.oldest {
        report.ok("clock", &format!("{}; nothing is in the log", env.now()));
        return Ok(());
    }
    let events = store.events_after(bounds.newest - 1, 1).await;
    let newest = events.map_err(failed)?.first().map(|event| event.time);
    let Some(newest) = newest else {
        return Err("its newest event is missing".into());
    };
    let now = env.now();
    let found = format!("{now}; the newest event is of {newest}");
    match newest.unix_micros() - now.unix_micros() > SKEW_MICROS {
        true => report.fail(
            "clock",
            &found,
            "set the clock: it has gone back, and mail would wait",
        ),
        false => report.ok("clock", &found),
    }
    Ok(())
}

/// Where a service's mail and token requests go.
async fn ways_out(config: &Config, service: &Service, egress: &Egress, report: &mut Report) {
    let smtp = &service.config.smtp;
    way_out(
        &service.id.to_string(),
        &smtp.host,
        smtp.port,
        egress,
        report,
    )
    .await;
    let Some(oauth2) = service.config.oauth2() else {
        return;
    };
    let what = format!("service {}", service.id);
    match token::endpoints_by(config, service, oauth2) {
        Ok(endpoints) => {
            let (host, port) = (
                endpoints.token.host_str(),
                endpoints.token.port_or_known_default(),
            );
            if let (Some(host), Some(port)) = (host, port) {
                way_out(&service.id.to_string(), host, port, egress, report).await;
            }
        }
        Err(error) => report.fail(
            &what,
            &error.to_string(),
            "mend its settings with UpdateService",
        ),
    }
}

async fn way_out(id: &str, host: &str, port: u16, egress: &Egress, report: &mut Report) {
    let what = format!("service {id}");
    match egress.resolve(host, port).await {
        Ok(_) => report.ok(
            &what,
            &format!("{host}:{port} resolves, and may be dialled"),
        ),
        Err(error) => report.fail(
            &what,
            &format!("{host}:{port}: {error}"),
            "mend the name, the resolver, or egress.allow",
        ),
    }
}

/// What a running server says of one of its services.
async fn told(service: &v1::Service, egress: &Egress, report: &mut Report) {
    if let Some(smtp) = &service.smtp
        && let Ok(port) = u16::try_from(smtp.port)
    {
        way_out(&service.service_id, &smtp.host, port, egress, report).await;
    }
    let what = format!("service {}", service.service_id);
    match &service.problem {
        Some(problem) => report.warn(&what, &problem.summary, &problem.remedy),
        None => report.ok(&what, "it can send"),
    }
}
