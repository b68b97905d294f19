//! ExportBackup: the parts of a copy as a stream.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Api;
use super::proto::v1;
use super::server::stopped;
use super::status::draining;
use crate::ops::backup;

/// Parts that wait for a slow caller, and that wait to be sent on.
const WAITING_MAX: usize = 2;

/// Makes a copy for as long as the caller takes it and the server isn't stopped.
pub fn stream(api: Api) -> ReceiverStream<Result<v1::ExportBackupResponse, Status>> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        let (chunks, mut made) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
        let pass_on = async {
            while let Some(chunk) = made.recv().await {
                let chunk = v1::ExportBackupResponse {
                    chunk: chunk.into(),
                };
                if sender.send(Ok(chunk)).await.is_err() {
                    break;
                }
            }
            // Ends the copy, where the caller is gone.
            made.close();
        };
        let exported = async { tokio::join!(backup::export(&api.core, chunks), pass_on).0 };
        let outcome = tokio::select! {
            biased;
            () = stopped(api.stopping.clone()) => Err(draining()),
            exported = exported => exported,
        };
        if let Err(error) = outcome {
            // A caller that is gone needs no word.
            let _ = sender.send(Err(api.status(error))).await;
        }
    });
    ReceiverStream::new(receiver)
}
