//! The first key: how an admin comes in, and comes in again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};

use super::fault::refused;
use super::harness::{Bearer, Folder, bare_channel, run};
use super::process::{Process, UNKEYED, program};

/// A data folder, in it no key yet.
fn data(folder: &Folder) -> PathBuf {
    folder.0.join("data")
}

/// A start that makes its own key.
fn start(data: &Path) -> Process {
    try_start(data).unwrap_or_else(|log| panic!("it ended:\n{log}"))
}

fn try_start(data: &Path) -> Result<Process, String> {
    let folder = data.to_str().unwrap();
    Process::try_start(&[("MAILWRIGHT_DATA_FOLDER", folder), (UNKEYED, "")])
}

/// `mailwright admin-key` beside this folder.
fn make_key(data: &Path) -> Output {
    let folder = data.to_str().unwrap();
    let mut program = program(&[("MAILWRIGHT_DATA_FOLDER", folder)]);
    program.arg("admin-key").output().unwrap()
}

fn key_in(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("admin.key")).unwrap();
    text.trim().to_owned()
}

async fn keys(process: &Process, key: &str) -> Result<Vec<v1::AccessKey>, Status> {
    let connection = InterceptedService::new(bare_channel(process.grpc).await, Bearer::of(key));
    let request = v1::ListAccessKeysRequest::default();
    let answer = AdminApiClient::new(connection)
        .list_access_keys(request)
        .await?;
    Ok(answer.into_inner().access_keys)
}

#[test]
fn the_first_start_writes_an_admins_key_and_logs_its_path_alone() {
    run(async {
        let folder = Folder::new();
        let data = data(&folder);
        let process = start(&data);
        let key = key_in(&data);
        let mode = std::fs::metadata(data.join("admin.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(keys(&process, &key).await.unwrap().len(), 1);
        process.terminate();
        let (_, log) = process.ended();
        assert!(log.contains("admin.key"), "{log}");
        let secret = key.rsplit('_').next().unwrap();
        assert!(!log.contains(secret), "{log}");

        // The next start makes no other, also without the file.
        std::fs::remove_file(data.join("admin.key")).unwrap();
        let process = start(&data);
        assert!(!data.join("admin.key").exists());
        assert_eq!(keys(&process, &key).await.unwrap().len(), 1);
    });
}

#[test]
fn a_start_that_was_cut_off_behind_the_file_is_mended_by_the_next() {
    run(async {
        let folder = Folder::new();
        let data = data(&folder);
        let process = start(&data);
        let key = key_in(&data);
        process.terminate();
        process.ended();
        // As a process left it that wrote the file and died before it kept the key.
        let left = folder.0.join("left");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::copy(data.join("admin.key"), left.join("admin.key")).unwrap();
        std::fs::write(left.join("admin.key.new"), "mw_hal").unwrap();
        let process = start(&left);
        assert_eq!(key_in(&left), key);
        assert_eq!(keys(&process, &key).await.unwrap().len(), 1);
    });
}

#[test]
fn a_file_that_holds_no_key_is_no_way_in() {
    let folder = Folder::new();
    let data = data(&folder);
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("admin.key"), "hello").unwrap();
    let log = try_start(&data).err().unwrap();
    assert!(log.contains("it holds no access key"), "{log}");
}

#[test]
fn whoever_lost_the_last_key_makes_another_beside_it() {
    run(async {
        let folder = Folder::new();
        let data = data(&folder);
        let process = start(&data);
        let lost = key_in(&data);
        let busy = make_key(&data);
        assert_eq!(
            busy.status.code(),
            Some(3),
            "a server has the folder: {busy:?}"
        );
        process.terminate();
        process.ended();

        let made = make_key(&data);
        assert!(made.status.success(), "{made:?}");
        let said = String::from_utf8(made.stdout).unwrap();
        let key = key_in(&data);
        assert!(said.contains("admin.key") && !said.contains(&key), "{said}");
        assert_ne!(key, lost);
        let process = start(&data);
        for key in [&key, &lost] {
            assert_eq!(keys(&process, key).await.unwrap().len(), 2);
        }
        let unknown = key.replace(&key[60..], &"0".repeat(key.len() - 60));
        let answer = keys(&process, &unknown).await;
        refused(answer, Code::Unauthenticated, "UNAUTHENTICATED");
    });
}

#[test]
fn an_admins_calls_are_written_down_without_secrets() {
    run(async {
        let folder = Folder::new();
        let data = data(&folder);
        let process = start(&data);
        let bearing = async |key: &str| {
            let connection = bare_channel(process.grpc).await;
            AdminApiClient::new(InterceptedService::new(connection, Bearer::of(key)))
        };
        let create = v1::CreateAccessKeyRequest {
            display_name: "billing".into(),
            roles: vec![v1::Role::Sender.into()],
            ..Default::default()
        };
        let admin = key_in(&data);
        let created = bearing(&admin).await.create_access_key(create).await;
        let created = created.unwrap().into_inner();
        let suspend = v1::SuspendServiceRequest {
            service_id: "bill\ning".into(),
        };
        let mut sender = bearing(&created.secret).await;
        refused(
            sender.suspend_service(suspend.clone()).await,
            Code::PermissionDenied,
            "PERMISSION_DENIED",
        );
        let mut nobody = bearing("x").await;
        refused(
            nobody.suspend_service(suspend.clone()).await,
            Code::Unauthenticated,
            "UNAUTHENTICATED",
        );
        let invalid = bearing(&admin).await.suspend_service(suspend).await;
        refused(invalid, Code::InvalidArgument, "INVALID_FIELD");
        process.terminate();
        let (_, log) = process.ended();

        let id = |key: &str| key.split('_').nth(1).unwrap().to_owned();
        let (admin_id, sender_id) = (id(&admin), id(&created.secret));
        for (rpc, caller, subject, outcome) in [
            (
                "CreateAccessKey",
                format!("key {admin_id}"),
                sender_id.as_str(),
                "OK",
            ),
            (
                "SuspendService",
                format!("key {sender_id}"),
                "",
                "PERMISSION_DENIED",
            ),
            ("SuspendService", "nobody".to_owned(), "", "UNAUTHENTICATED"),
            (
                "SuspendService",
                format!("key {admin_id}"),
                "bill\\ning",
                "INVALID_ARGUMENT",
            ),
        ] {
            let record = format!(
                "mailwright::audit: admin call rpc={rpc:?} caller={caller:?} subject=\"{subject}\" outcome={outcome:?}"
            );
            assert!(log.contains(&record), "{record}\n{log}");
        }
        for key in [&admin, &created.secret] {
            assert!(!log.contains(key.rsplit('_').next().unwrap()), "{log}");
        }
    });
}
