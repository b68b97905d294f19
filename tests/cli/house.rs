//! A server, its sandbox, and commands that bear an admin's key.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mailwright::env::Env;
use mailwright::rpc::proto::v1::CompleteAuthorizeRequest;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, Options, Sandbox, TENANT_ID};
use serde_json::Value;
use tokio::runtime::Runtime;
use tonic::transport::Endpoint;
use url::Url;
use url::form_urlencoded::Serializer;

use super::process::{ADMIN_KEY, Process, program};

pub const ADELE: &str = "adele@contoso.com";
pub const ALEX: &str = "alex@contoso.com";

pub struct House {
    pub folder: PathBuf,
    pub server: Process,
    pub sandbox: Sandbox,
    runtime: Runtime,
    variables: Vec<(&'static str, String)>,
}

impl House {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Whose server has these variables too.
    pub fn with(more: &[(&'static str, &str)]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("mailwright-cli-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let runtime = Runtime::new().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (clock, random) = (Env::system(), Env::system());
        let options = Options {
            http: any,
            smtp: any,
            smtps: any,
            now: Arc::new(move || clock.now().to_system()),
            random: Arc::new(move |bytes| random.fill(bytes)),
        };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, sandbox.ca_pem()).unwrap();
        let data = folder.join("data").to_str().unwrap().to_owned();
        let mut variables = vec![
            ("MAILWRIGHT_DATA_FOLDER", data),
            ("MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY", sandbox.authority()),
            ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128".to_owned()),
            (
                "MAILWRIGHT_EGRESS_EXTRA_CA_FILE",
                ca.to_str().unwrap().to_owned(),
            ),
        ];
        variables.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
        Self {
            folder,
            server: Process::start(&borrowed(&variables)),
            sandbox,
            runtime,
            variables,
        }
    }

    /// Kills the server, and starts it again at its address.
    pub fn restart(&mut self) {
        self.server.kill();
        let variables = borrowed(&self.variables);
        self.server = Process::start_at(self.server.grpc, &variables).unwrap();
    }

    /// A command with the server's address and an admin's key.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let server = format!("http://{}", self.server.grpc);
        let mut command = program(&[
            ("MAILWRIGHT_ADDRESS", &server),
            ("MAILWRIGHT_KEY", ADMIN_KEY),
            ("MAILWRIGHT_CLIENT_SECRET", CLIENT_SECRET),
            ("HOME", self.folder.to_str().unwrap()),
        ]);
        command
            .env_remove("XDG_CONFIG_HOME")
            .args(arguments)
            .current_dir(&self.folder);
        command
    }

    /// A command on a terminal, which `script` (of util-linux) plays.
    pub fn on_a_terminal(&self, line: &str) -> Command {
        let plain = self.command(&[]);
        let line = format!("{} {line}", plain.get_program().display());
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]);
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("TERM", "xterm").stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that succeeds prints.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, for a program.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--output", "json"]);
        serde_json::from_str(&self.ok(&arguments)).unwrap()
    }

    /// What a command that fails exits with and says.
    pub fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("panicked"), "{said}");
        (output.status.code().unwrap(), said)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn create(&self, id: &str) {
        let port = self.sandbox.smtp_addr().port().to_string();
        self.json(&[
            "services",
            "create",
            id,
            "--display-name",
            "Billing",
            "--host",
            "localhost",
            "--port",
            &port,
            "--from",
            ADELE,
            "--provider",
            "microsoft",
            "--client-id",
            CLIENT_ID,
            "--tenant",
            TENANT_ID,
        ]);
    }

    /// A service that sends.
    pub fn ready(&self, id: &str) {
        self.create(id);
        let begun = self.json(&["authorize", id, "--no-wait"]);
        self.consent(begun["authorizationUrl"].as_str().unwrap());
        self.ok(&["test", id, "--to", ALEX]);
    }

    /// Adele consents, and the platform whose page she comes back to completes it.
    pub fn consent(&self, url: &str) {
        self.complete(&self.decide(url, "accept")).unwrap();
    }

    /// Adele declines, and the platform whose page she comes back to is told why it can't go on.
    pub fn decline(&self, url: &str) {
        let completed = self.complete(&self.decide(url, "decline"));
        completed.unwrap_err();
    }

    fn complete(&self, back: &Url) -> Result<(), tonic::Status> {
        let mut request = tonic::Request::new(CompleteAuthorizeRequest {
            state: parameter(back, "state"),
            code: parameter(back, "code"),
            error: parameter(back, "error"),
            error_description: parameter(back, "error_description"),
            error_subcode: parameter(back, "error_subcode"),
            ..Default::default()
        });
        let key = format!("Bearer {ADMIN_KEY}").parse().unwrap();
        request.metadata_mut().insert("authorization", key);
        let server = format!("http://{}", self.server.grpc);
        self.runtime.block_on(async {
            let server = Endpoint::from_shared(server).unwrap();
            let mut admin = AdminApiClient::new(server.connect().await.unwrap());
            admin.complete_authorize(request).await.map(drop)
        })
    }

    /// Adele consents; the state and the code that she comes back with.
    pub fn redirect(&self, url: &str) -> (String, String) {
        let back = self.decide(url, "accept");
        (parameter(&back, "state"), parameter(&back, "code"))
    }

    /// Where Adele's browser is sent when she has decided.
    fn decide(&self, url: &str, decision: &str) -> Url {
        let page = fetch("GET", url, "");
        let between = |before: &str| {
            page.split(before)
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .to_owned()
        };
        let action = Url::parse(url)
            .unwrap()
            .join(&between("action=\""))
            .unwrap();
        let form = Serializer::new(String::new())
            .append_pair("ticket", &between("name=\"ticket\" value=\""))
            .append_pair("account", ADELE)
            .append_pair("decision", decision)
            .finish();
        let answer = fetch("POST", action.as_str(), &form);
        let back = answer
            .split("ocation: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap();
        Url::parse(back.trim()).unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.kill();
        // A folder that stays behind hurts nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let pairs = variables.iter();
    pairs.map(|(name, value)| (*name, value.as_str())).collect()
}

fn parameter(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A running command whose output is read.
pub fn spawn(mut command: Command) -> std::process::Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn fetch(method: &str, url: &str, form: &str) -> String {
    let url = Url::parse(url).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
