//! The page of every command, out of what `--help` says.

use std::fmt::Write as _;

use clap::{Command, CommandFactory};
use mailwright::cli::{Cli, EXIT_CODES};

use crate::markdown;

const INTRODUCTION: &str = "
`mailwright serve` is the server. Most other commands are its clients: they talk gRPC to it, as any program may.

## Which server, and who asks

`--server`, `--key-file` and `--ca-file` say it, or a profile of `~/.config/mailwright/config.toml` (or under
`$XDG_CONFIG_HOME`):

```toml
default = \"production\"

[profiles.production]
server = \"https://mail.example.com:50051\"
key_file = \"~/.config/mailwright/production.key\"
ca_file = \"~/.config/mailwright/ca.pem\"

[profiles.local]
server = \"http://127.0.0.1:50051\"
key_file = \"/srv/mailwright/data/admin.key\"
```

Flags count first, then the profile that `--profile` names, then the variables `MAILWRIGHT_ADDRESS`,
`MAILWRIGHT_KEY` and `MAILWRIGHT_CA_FILE`, then the profile that `MAILWRIGHT_PROFILE` names, else the file's
`default`.

No secret is an argument, since everyone on a machine sees those. Keys come from a file or `MAILWRIGHT_KEY`, client
secrets and passwords from a file, `MAILWRIGHT_CLIENT_SECRET`, `MAILWRIGHT_NEXT_CLIENT_SECRET` or
`MAILWRIGHT_PASSWORD`, or are asked for without echo.

## What is printed

Tables for people, in colour on a terminal unless `NO_COLOR` is set. With `--output json`, what the API answers, as
grpcurl shows it: lists with all their pages, `watch` a line an event. Answers go to standard output, everything else
to standard error.

`mailwright completions bash > /etc/bash_completion.d/mailwright` completes commands and flags; zsh, fish, elvish and
PowerShell have theirs.

## services apply

The file holds what CreateService takes, by the names of the proto files, in YAML (several documents, if you like) or
JSON. A field that isn't known is an error. What the file names becomes so, what it doesn't name stays.

```yaml
service_id: billing
service:
  display_name: Billing
  smtp: {host: smtp.office365.com}
  sender: {address: billing@contoso.com, name: Contoso Billing}
  oauth2:
    provider: PROVIDER_MICROSOFT
    login_email: billing@contoso.com
    client_id: 00000000-0000-0000-0000-000000000000
    tenant_id: contoso.com
  delivery: {messages_per_minute: 20}
  labels: {team: finance}
```

## send --csv

The first line names the columns; `to` must be one, `name` goes beside the address, and `{{column}}` stands for a
row's value in the subject, the text and the HTML (where it is escaped). Every row has a request id of its own, made
of the batch's name and what the row says. Start the command again after a break, or with more rows: what was
accepted before isn't sent again. The server knows a request id until 24 hours after acceptance and as long as its
message hasn't ended, so go on within a day. A changed row is a new one; a changed text under the same rows is
refused.
";

/// Renders the page.
pub fn page() -> String {
    let mut page = markdown::head("The command line", "the help of src/cli");
    page.push_str(INTRODUCTION);
    page.push_str("\n## Exit codes\n\n| code | |\n|---|---|\n");
    for (code, meaning) in EXIT_CODES {
        writeln!(page, "| {code} | {} |", markdown::cell(meaning)).expect("a String takes all");
    }
    page.push_str("\n## Commands\n");
    let mut cli = Cli::command();
    cli.build();
    for command in cli.get_subcommands() {
        write(&mut page, command, "mailwright");
    }
    page
}

fn write(page: &mut String, command: &Command, above: &str) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let own: Vec<_> = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .collect();
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    write!(page, "\n### {name}\n\n{}.\n", markdown::prose(&about)).expect("a String takes all");
    if !own.is_empty() {
        for sub in own {
            write(page, sub, &name);
        }
        return;
    }
    let mut command = command.clone().term_width(100);
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    write!(page, "\n```text\n{usage}\n```\n").expect("a String takes all");
    let shared = [
        "help", "version", "server", "key_file", "ca_file", "profile", "output",
    ];
    let arguments = command
        .get_arguments()
        .filter(|argument| !shared.contains(&argument.get_id().as_str()));
    let mut rows = String::new();
    for argument in arguments {
        let flag = match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => argument.get_id().to_string().to_uppercase(),
        };
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let values = argument.get_possible_values();
        let values: Vec<_> = values
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        let values = match argument.get_action().takes_values() && !values.is_empty() {
            true => format!(" ({})", values.join(", ")),
            false => String::new(),
        };
        let help = markdown::cell(&markdown::prose(&help));
        writeln!(rows, "| `{flag}` | {help}{values} |").expect("a String takes all");
    }
    if !rows.is_empty() {
        write!(page, "\n| | |\n|---|---|\n{rows}").expect("a String takes all");
    }
}
