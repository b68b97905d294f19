//! `demo --keep`: what to type next, ready to paste.

use super::SERVICE_ID;
use super::screen::{Ink, Screen};
use super::stage::Stage;

/// Prints commands for the ports of this run.
pub fn print(stage: &Stage, screen: &Screen) {
    let (grpc, sandbox) = (stage.grpc, stage.sandbox.authority());
    screen.blank();
    screen.line(screen.ink(Ink::Bold, "Still up. Go on from another terminal:"));
    let key = stage.key_file.display();
    screen.blank();
    screen.line(screen.ink(
        Ink::Dim,
        "# the access key that the server made for an admin",
    ));
    screen.line(format!(
        "export AUTH=\"authorization: Bearer $(cat {key})\""
    ));
    let service = format!("{{\"service_id\": \"{SERVICE_ID}\"}}");
    let send = format!(
        "{{\"service_id\": \"{SERVICE_ID}\", \"email\": {{\n     \
         \"to\": [{{\"address\": \"you@example.com\"}}],\n     \
         \"subject\": \"Hello\", \"text_body\": \"Hello from grpcurl\"}}}}"
    );
    let watch = "{\"position\": \"WATCH_POSITION_OLDEST\"}";
    for (what, data, method) in [
        ("what there is", "", "list"),
        (
            "the service",
            service.as_str(),
            "mailwright.v1.AdminAPI/GetService",
        ),
        (
            "send a message",
            send.as_str(),
            "mailwright.v1.MailAPI/Send",
        ),
        (
            "everything that happened, and what comes",
            watch,
            "mailwright.v1.StatusAPI/WatchStatus",
        ),
        (
            "the server itself",
            "",
            "mailwright.v1.AdminAPI/GetServerInfo",
        ),
    ] {
        screen.blank();
        screen.line(screen.ink(Ink::Dim, &format!("# {what}")));
        let data = match data {
            "" => String::new(),
            data => format!("-d '{data}' "),
        };
        screen.line(format!("grpcurl -plaintext -H \"$AUTH\" {data}\\"));
        screen.line(format!("  {grpc} {method}"));
    }
    screen.blank();
    screen.row(
        "sandbox",
        &format!("{sandbox}/ what it does, how to make it fail"),
    );
    screen.row("mail it took", &format!("{sandbox}/sandbox/mail"));
    screen.blank();
    screen.line("Ctrl-C ends it and removes what it wrote.");
}
