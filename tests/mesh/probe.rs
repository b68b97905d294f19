//! grpc-health-probe, as Kubernetes and others run it: its exit code is what they go by.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;

use super::process::ADMIN_KEY;
use super::tool;
use super::world::{World, run};

const HEALTHY: i32 = 0;
const NO_CONNECTION: i32 = 2;
const CALL_FAILED: i32 = 3;
const NOT_SERVING: i32 = 4;

const OPEN: [&str; 4] = [
    "",
    "mailwright.v1.AdminAPI",
    "mailwright.v1.MailAPI",
    "mailwright.v1.StatusAPI",
];

/// Where it asks, over TLS where there is a certificate to trust.
struct Probe<'a> {
    at: SocketAddr,
    ca: Option<&'a Path>,
}

impl Probe<'_> {
    fn code(&self, service: &str, more: &[&str]) -> i32 {
        let mut command = Command::new(tool("bin/grpc-health-probe"));
        command.args([
            &format!("-addr={}", self.at),
            "-connect-timeout=10s",
            "-rpc-timeout=10s",
            &format!("-service={service}"),
        ]);
        if let Some(ca) = self.ca {
            command.args(["-tls", "-tls-ca-cert"]).arg(ca);
        }
        let output = command.args(more).output();
        let output = output.unwrap_or_else(|error| {
            panic!("grpc-health-probe does not run ({error}): run `make test`")
        });
        // Shown only where a test fails.
        println!("{service:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.status.code().unwrap()
    }

    fn mailbox(&self) -> i32 {
        let key = format!("-rpc-header=authorization: Bearer {ADMIN_KEY}");
        self.code("services/billing", &[&key])
    }

    /// What is open to probes, and what needs a key.
    fn all_serve(&self) {
        for service in OPEN {
            assert_eq!(self.code(service, &[]), HEALTHY, "{service}");
        }
        assert_eq!(self.mailbox(), HEALTHY);
        assert_eq!(self.code("services/billing", &[]), CALL_FAILED, "no key");
        assert_eq!(self.code("nothing", &[]), CALL_FAILED);
    }
}

#[test]
fn a_probe_tells_the_process_from_a_mailbox_directly_and_through_proxies() {
    run(async {
        let mut world = World::start().await;
        let proxies = world.proxies(&[]).await;
        let files: Vec<_> = proxies.iter().map(|proxy| proxy.ca()).collect();
        let mut probes = vec![Probe {
            at: world.at,
            ca: None,
        }];
        for (proxy, ca) in proxies.iter().zip(&files) {
            probes.push(Probe {
                at: proxy.at,
                ca: Some(ca),
            });
        }
        probes.iter().for_each(Probe::all_serve);

        let suspend = v1::SuspendServiceRequest {
            service_id: "billing".into(),
        };
        let mut admin = AdminApiClient::new(world.direct().await);
        admin.suspend_service(suspend).await.unwrap();
        for probe in &probes {
            assert_eq!(probe.mailbox(), NOT_SERVING);
            assert_eq!(
                probe.code("", &[]),
                HEALTHY,
                "a dead mailbox is no dead server"
            );
        }

        world.stop();
        for probe in &probes {
            let expected = match probe.ca {
                None => NO_CONNECTION,
                Some(_) => CALL_FAILED,
            };
            assert_eq!(probe.code("", &[]), expected);
        }
    });
}

#[test]
fn a_probe_asks_over_tls() {
    run(async {
        let world = World::behind_tls().await;
        let (right, other) = (
            world.folder.0.join("cert.pem"),
            world.folder.0.join("other.pem"),
        );
        let other_names = vec!["localhost".to_owned()];
        let stranger = rcgen::generate_simple_self_signed(other_names).unwrap();
        std::fs::write(&other, stranger.cert.pem()).unwrap();
        let probe = |ca| Probe { at: world.at, ca };
        probe(Some(&right)).all_serve();
        assert_eq!(probe(Some(&other)).code("", &[]), NO_CONNECTION);
        assert_eq!(probe(None).code("", &[]), NO_CONNECTION, "plaintext");
    });
}
