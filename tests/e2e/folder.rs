//! The data folder as an operator meets it: one owner, one key, everything there again.

use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;

use super::harness::{Folder, channel, run};
use super::process::{Process, command};

const SECRET: &str = "a password that nobody may find on the disk";

/// A folder in which a killed process left one service.
async fn left_behind() -> Folder {
    let folder = Folder::new();
    let process = start(&folder);
    let service = v1::Service {
        display_name: "Relay".into(),
        smtp: Some(v1::Smtp {
            host: "localhost".into(),
            ..v1::Smtp::default()
        }),
        sender: Some(v1::Sender {
            address: "billing@example.com".into(),
            ..v1::Sender::default()
        }),
        auth: Some(v1::service::Auth::Password(v1::PasswordAuth {
            username: "billing".into(),
            password: SECRET.into(),
        })),
        ..v1::Service::default()
    };
    let create = v1::CreateServiceRequest {
        service_id: "relay".into(),
        service: Some(service),
    };
    let mut admin = AdminApiClient::new(channel(process.grpc).await);
    admin.create_service(create).await.unwrap();
    drop(process);
    folder
}

fn start(folder: &Folder) -> Process {
    Process::start(&[("MAILWRIGHT_DATA_FOLDER", folder.0.to_str().unwrap())])
}

/// Exit code and last words of a start that fails.
fn refused(folder: &Folder) -> (Option<i32>, String) {
    let output = command(&[
        ("MAILWRIGHT_DATA_FOLDER", folder.0.to_str().unwrap()),
        ("MAILWRIGHT_SERVER_GRPC_LISTEN", "127.0.0.1:0"),
        ("MAILWRIGHT_SERVER_HTTP_LISTEN", "127.0.0.1:0"),
    ])
    .output()
    .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_second_process_exits_with_3_and_says_who_has_the_folder() {
    run(async {
        let folder = left_behind().await;
        let owner = start(&folder);
        let (code, told) = refused(&folder);
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("is in use by process"), "{told}");
        drop(owner);
        start(&folder);
    });
}

#[test]
fn nothing_is_served_or_written_with_a_key_that_is_missing_or_another() {
    run(async {
        let folder = left_behind().await;
        let path = folder.0.join("vault.key");
        let key = std::fs::read(&path).unwrap();

        std::fs::remove_file(&path).unwrap();
        let (code, told) = refused(&folder);
        assert!(code == Some(1) && told.contains("missing"), "{told}");
        assert!(!path.exists());

        std::fs::write(&path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let (code, told) = refused(&folder);
        assert!(code == Some(1) && told.contains("not the key"), "{told}");

        std::fs::write(&path, key).unwrap();
        let process = start(&folder);
        let get = v1::GetServiceRequest {
            service_id: "relay".into(),
        };
        let mut admin = AdminApiClient::new(channel(process.grpc).await);
        assert!(admin.get_service(get).await.is_ok());
    });
}

#[test]
fn a_secret_is_nowhere_on_the_disk_as_it_is() {
    run(async {
        let folder = left_behind().await;
        let mut open = vec![folder.0.clone()];
        let mut read = 0;
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(
                    std::fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            read += bytes.len();
            let found = bytes
                .windows(SECRET.len())
                .any(|window| window == SECRET.as_bytes());
            assert!(!found, "{}", path.display());
        }
        assert!(read > 1_000, "there is something to look at");
    });
}
