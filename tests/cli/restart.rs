//! Commands that outlive their server: what they follow and what they send goes on behind its restart.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::house::{ALEX, House, spawn};
use super::proxy::losing_the_first_answers;

const ROWS: usize = 3_000;

#[test]
fn a_csv_and_a_watch_go_on_behind_a_server_that_was_killed_and_nothing_is_lost_or_doubled() {
    let mut house = House::start();
    house.ready("billing");
    house.ok(&["services", "suspend", "billing"]);
    let rows: String = (0..ROWS)
        .map(|n| format!("someone{n}@contoso.com\n"))
        .collect();
    let file = house.write("rows.csv", &format!("to\n{rows}"));
    let send = ["send", "billing", "--csv", &file, "--text", "Hello"];
    let mut watch = spawn(house.command(&["watch", "--json", "--from", "oldest"]));
    let mut sending = house.command(&send);
    sending.args(["--output", "json"]);
    let sending = spawn(sending);
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut accepted = lines.map_while(Result::ok).filter_map(accepted);
    let mut ids: Vec<String> = accepted.by_ref().take(20).collect();
    house.restart();

    let output = sending.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    // An answer that the kill took away is asked for again, and known.
    let count = |name: &str| done[name].as_u64().unwrap();
    assert_eq!(count("accepted") + count("knownAlready"), ROWS as u64);
    assert!(count("accepted") >= 20, "{done}");
    ids.extend(accepted.by_ref().take(ROWS - ids.len()));
    // One more, so that a double behind the last row would be seen before it.
    house.ok(&["send", "billing", "--to", ALEX, "--text", "the last"]);
    ids.extend(accepted.next());
    watch.kill().unwrap();
    watch.wait().unwrap();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (ROWS + 1, ROWS + 1));
    let listed = house.json(&["messages", "list", "--limit", "5000", "--state", "held"]);
    let listed = listed["messages"].as_array().unwrap();
    let listed = listed
        .iter()
        .map(|kept| kept["messageId"].as_str().unwrap());
    assert_eq!(
        listed.collect::<BTreeSet<_>>(),
        ids.iter().map(String::as_str).collect()
    );
}

#[test]
fn a_message_whose_server_was_killed_before_it_answered_is_sent_once() {
    let mut house = House::start();
    house.ready("billing");
    house.ok(&["services", "suspend", "billing"]);
    let way = format!("http://{}", losing_the_first_answers(house.server.grpc));
    let mut watch = spawn(house.command(&["watch", "--json", "--from", "oldest"]));
    let send = ["send", "billing", "--to", ALEX, "--text", "Hello"];
    let mut sending = house.command(&send);
    sending
        .args(["--output", "json"])
        .env("MAILWRIGHT_ADDRESS", way);
    let sending = spawn(sending);
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let id = lines.map_while(Result::ok).find_map(accepted).unwrap();
    watch.kill().unwrap();
    watch.wait().unwrap();
    house.restart();

    let output = sending.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("--request-id cli-"), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["deduplicated"], true, "{answer}");
    assert_eq!(answer["messageId"], id);
    let listed = house.json(&["messages", "list", "--state", "held"]);
    assert_eq!(listed["messages"].as_array().unwrap().len(), 1, "{listed}");
}

/// The message of an event that tells of its acceptance.
fn accepted(line: String) -> Option<String> {
    let event: Value = serde_json::from_str(&line).unwrap();
    let event = event.get("message")?;
    let is_new = event.get("previousState").is_none();
    let message = &event["message"];
    (is_new && message["state"] == "MESSAGE_STATE_HELD")
        .then(|| message["messageId"].as_str().unwrap().to_owned())
}
