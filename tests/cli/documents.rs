//! What the documents tell people to type works: every `sh` block of the grpcurl cookbook and of the
//! README's tour runs, in its order, against a sandbox, with this run's ports in place of the usual.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use mailwright::rpc::proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;

use super::house::House;
use super::process::ADMIN_KEY;

#[test]
fn every_command_of_the_cookbook_works() {
    let house = House::start();
    let page = read("docs/grpcurl.md");
    let mut shell = Shell::new(&house);
    for block in blocks(&page) {
        shell.run(&block);
    }
}

#[test]
fn the_cookbook_names_every_rpc_of_admins() {
    let page = read("docs/grpcurl.md");
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let services = set.file.iter().flat_map(|file| &file.service);
    let admin = services.filter(|service| service.name() == "AdminAPI");
    let names: Vec<_> = admin
        .flat_map(|service| &service.method)
        .map(|rpc| rpc.name())
        .collect();
    assert!(names.len() > 15);
    for name in names {
        assert!(
            page.contains(&format!("mailwright.v1.AdminAPI/{name}")),
            "{name}"
        );
    }
}

#[test]
fn every_command_of_the_tour_works() {
    let house = House::start();
    let page = read("README.md");
    let tour = page.split("## A tour in five minutes").nth(1).unwrap();
    let tour = tour.split("\n## ").next().unwrap();
    assert!(tour.contains("three terminals, each in the folder of this repository"));
    let (all, mut shown) = (blocks(tour), String::new());
    for (terminal, first) in all[..3].iter().enumerate() {
        let path = r#"export PATH="$PWD/target/release:$PATH""#;
        let before = first.split("\nmailwright ").next().unwrap();
        assert!(before.contains(path), "terminal {}", terminal + 1);
    }
    let mut shell = Shell::new(&house);
    shell.comes_back = true;
    let mut ran = 0;
    for block in all {
        // The sandbox and the server are the house's.
        if block.contains("mailwright sandbox") || block.contains("mailwright serve") {
            continue;
        }
        shown += &shell.run(&block);
        ran += 1;
    }
    assert!(ran >= 8, "the tour has its blocks");
    // Both ways, all the way: grpcurl lists, tests, sends, and sees it in the feed.
    for part in [
        "mailwright.v1.AdminAPI\n",
        "\"serviceId\": \"orders\"",
        "\"passed\": true",
        "\"requestId\": \"order-1\"",
        "\"state\": \"MESSAGE_STATE_SENT\"",
    ] {
        assert!(shown.contains(part), "{part} is missing in:\n{shown}");
    }
}

/// Runs one block after another; what one leaves, the next may use.
struct Shell<'a> {
    house: &'a House,
    variables: Vec<(&'static str, String)>,
    /// Who consents comes back to the server's own page, and not to a platform's.
    comes_back: bool,
}

impl<'a> Shell<'a> {
    fn new(house: &'a House) -> Self {
        Self {
            house,
            variables: Vec::new(),
            comes_back: false,
        }
    }

    /// What the block prints.
    fn run(&mut self, block: &str) -> String {
        let smtp = self.house.sandbox.smtp_addr().port().to_string();
        let key = self.house.folder.join("data/admin.key");
        let text = block
            .replace("127.0.0.1:50051", &self.house.server.grpc.to_string())
            .replace("2587", &smtp)
            .replace("data/admin.key", key.to_str().unwrap())
            // It ends by itself here.
            .replace("watch --from oldest", "watch --from oldest --count 3");
        let mut child = self.command(&text).spawn().unwrap();
        let mut shown = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            self.heed(&line);
            shown += &format!("{line}\n");
        }
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(child.wait().unwrap().success(), "{text}\n{shown}\n{said}");
        shown
    }

    /// The command line's tools, and what earlier blocks exported.
    fn command(&self, text: &str) -> Command {
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_mailwright"));
        let mut path = vec![binary.parent().unwrap().to_owned()];
        if let Ok(tools) = std::env::var("MAILWRIGHT_TOOLS") {
            path.push(format!("{tools}/bin").into());
        }
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = Command::new("sh");
        command
            .args(["-e", "-c", text])
            .current_dir(&self.house.folder)
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", &self.house.folder)
            .env(
                "MAILWRIGHT_ADDRESS",
                format!("http://{}", self.house.server.grpc),
            )
            .env("MAILWRIGHT_KEY", ADMIN_KEY)
            .env(
                "MAILWRIGHT_CLIENT_SECRET",
                mailwright::sandbox::CLIENT_SECRET,
            )
            .env("AUTH", format!("authorization: Bearer {ADMIN_KEY}"))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What a person would do or note on reading this line.
    fn heed(&mut self, line: &str) {
        let quoted = |name: &str| {
            let value = line.trim().strip_prefix(&format!("\"{name}\": \""))?;
            let value = value.split('"').next()?;
            // JSON may hide this character from HTML.
            Some(value.replace("\\u0026", "&"))
        };
        if let Some(url) = quoted("authorizationUrl")
            && self.comes_back
        {
            self.house.consent(&url);
        } else if let Some(url) = quoted("authorizationUrl") {
            let (state, code) = self.house.redirect(&url);
            self.variables.extend([("STATE", state), ("CODE", code)]);
        } else if line.trim().starts_with("http://") {
            self.house.consent(line.trim());
        } else if let Some(id) = quoted("accessKeyId")
            && !self.variables.iter().any(|(name, _)| *name == "KEY_ID")
        {
            self.variables.push(("KEY_ID", id));
        }
    }
}

/// The `sh` blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let starts = page.split("```sh\n").skip(1);
    starts
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

fn read(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap()
}
