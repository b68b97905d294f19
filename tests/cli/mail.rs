//! Sending, watching, and what a person decides.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::house::{ALEX, House, spawn};

#[test]
fn a_message_is_sent_watched_and_read() {
    let house = House::start();
    house.ready("billing");
    let arguments = [
        "send",
        "billing",
        "--to",
        ALEX,
        "--subject",
        "Hello",
        "--text",
        "Hello",
        "--request-id",
        "hello-1",
    ];
    let mut waited = arguments.to_vec();
    waited.push("--wait");
    let message = house.json(&waited)["message"].clone();
    assert_eq!(message["state"], "MESSAGE_STATE_SENT");
    let again = house.json(&arguments);
    assert_eq!(again["deduplicated"], true);
    assert_eq!(again["messageId"], message["messageId"]);

    let id = message["messageId"].as_str().unwrap();
    let shown = house.ok(&["messages", "show", id]);
    assert!(
        shown.contains("SENT") && shown.contains("ACCEPTED"),
        "{shown}"
    );
    let listed = house.json(&["messages", "list", "--request-id", "hello-1"]);
    assert_eq!(listed["messages"].as_array().unwrap().len(), 1);
    for command in ["retry", "cancel"] {
        let (code, said) = house.fails(&["messages", command, id]);
        assert!(code == 9 && said.contains("WRONG_STATE"), "{said}");
    }
    let (code, _) = house.fails(&["messages", "resolve", id, "--as", "sent"]);
    assert_eq!(code, 9);

    let mut watch = spawn(house.command(&["watch", "--from", "oldest", "--json", "--count", "5"]));
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(watch.wait().unwrap().success());
    assert!(events.iter().all(|event| event["cursor"].is_string()));
    let lines = house.ok(&["watch", "--from", "oldest", "--count", "3"]);
    assert!(
        lines.contains("PENDING_AUTHORIZATION") && lines.lines().count() == 3,
        "{lines}"
    );
}

#[test]
fn a_refused_recipient_is_told_and_an_unfinished_message_can_be_cancelled() {
    let house = House::start();
    house.ready("billing");
    let both = [
        "send",
        "billing",
        "--to",
        ALEX,
        "--to",
        "refused@contoso.com",
        "--text",
        "x",
        "--wait",
    ];
    let output = house.run(&both);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(11));
    assert!(
        shown.contains("PARTIAL") && shown.contains("REFUSED"),
        "{shown}"
    );

    house.ok(&["services", "suspend", "billing"]);
    let held = house.json(&["send", "billing", "--to", ALEX, "--text", "x"]);
    assert_eq!(held["state"], "MESSAGE_STATE_HELD");
    let cancelled = house.ok(&["messages", "cancel", held["messageId"].as_str().unwrap()]);
    assert!(cancelled.contains("CANCELLED"), "{cancelled}");
}

#[test]
fn a_finished_message_goes_as_it_is() {
    let house = House::start();
    house.ready("billing");
    let eml = "From: adele@contoso.com\nTo: Alex <alex@contoso.com>\nSubject: As it is\n\nHello\n";
    let file = house.write("letter.eml", eml);
    let sent = house.json(&["send", "billing", "--eml", &file, "--wait"]);
    assert_eq!(sent["message"]["state"], "MESSAGE_STATE_SENT");
    assert_eq!(
        sent["message"]["recipients"][0]["address"],
        "alex@contoso.com"
    );
}

#[test]
fn a_csv_that_is_sent_again_sends_only_what_is_new() {
    let house = House::start();
    house.ready("billing");
    house.ok(&["services", "suspend", "billing"]);
    let template = house.write("letter.txt", "Dear {{name}},\nyour number is {{number}}.\n");
    let mut rows = String::from("to,name,number\n");
    for n in 0..300 {
        rows += &format!("someone{n}@contoso.com,Someone {n},{n}\n");
    }
    let file = house.write("rows.csv", &rows);
    let send = [
        "send",
        "billing",
        "--csv",
        &file,
        "--text-file",
        &template,
        "--subject",
        "For {{name}}",
    ];
    let output = house
        .command(&send)
        .args(["--output", "json"])
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "no bar where nobody looks");
    let first: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&first["accepted"], &first["knownAlready"]),
        (&300.into(), &0.into())
    );
    // Two more rows, one of them in front of all others.
    let more = rows.replacen("number\n", "number\nnew@contoso.com,New,0\n", 1)
        + "last@contoso.com,Last,1\n";
    house.write("rows.csv", &more);
    let second = house.json(&send);
    assert_eq!(
        (&second["accepted"], &second["knownAlready"]),
        (&2.into(), &300.into())
    );
    let listed = house.json(&["messages", "list", "--limit", "1000"]);
    let held = listed["messages"].as_array().unwrap().iter();
    assert_eq!(
        held.filter(|message| message["state"] == "MESSAGE_STATE_HELD")
            .count(),
        302
    );

    // Another text under the same ids is refused, row by row: nobody gets two.
    house.write("letter.txt", "Another text for {{name}}\n");
    let output = house.run(&send);
    assert_eq!(output.status.code(), Some(11));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("REQUEST_ID_REUSED"), "{said}");
    house.write("letter.txt", "Dear {{nmae}}\n");
    let (code, said) = house.fails(&send);
    assert!(code == 2 && said.contains("nmae"), "{said}");
}

#[test]
fn a_csv_that_waits_for_a_full_outbox_says_so() {
    let house = House::with(&[("MAILWRIGHT_OUTBOX_MAILBOX_MESSAGES", "3")]);
    house.ready("billing");
    house.ok(&["services", "suspend", "billing"]);
    let rows: String = (0..5)
        .map(|n| format!("someone{n}@contoso.com\n"))
        .collect();
    let file = house.write("rows.csv", &format!("to\n{rows}"));
    let send = ["send", "billing", "--csv", &file, "--text", "Hello"];
    let mut sending = spawn(house.command(&send));
    let lines = BufReader::new(sending.stderr.take().unwrap()).lines();
    let said: Vec<_> = lines.map_while(Result::ok).take(2).collect();
    assert!(said[0].contains("is full"), "{said:?}");
    assert!(said[1].contains("2 rows"), "{said:?}");
    assert!(sending.try_wait().unwrap().is_none(), "it waits");
    sending.kill().unwrap();
    sending.wait().unwrap();
    let listed = house.json(&["messages", "list", "--state", "held"]);
    assert_eq!(listed["messages"].as_array().unwrap().len(), 3, "{listed}");
}

#[test]
fn a_csv_whose_sender_was_killed_goes_on_where_it_stopped() {
    let house = House::start();
    house.ready("billing");
    house.ok(&["services", "suspend", "billing"]);
    let rows: String = (0..3_000)
        .map(|n| format!("someone{n}@contoso.com\n"))
        .collect();
    let file = house.write("rows.csv", &format!("to\n{rows}"));
    let send = ["send", "billing", "--csv", &file, "--text", "Hello"];
    let mut watch = spawn(house.command(&["watch", "--json", "--from", "oldest"]));
    let mut first = spawn(house.command(&send));
    let mut events = BufReader::new(watch.stdout.take().unwrap()).lines();
    // As soon as some are accepted, the sender dies.
    let some = events.by_ref().map_while(Result::ok);
    some.filter(|line| line.contains("MESSAGE_STATE_HELD"))
        .take(20)
        .for_each(drop);
    first.kill().unwrap();
    first.wait().unwrap();
    watch.kill().unwrap();
    watch.wait().unwrap();
    let rest = house.json(&send);
    let count = |name: &str| rest[name].as_u64().unwrap();
    assert_eq!(count("accepted") + count("knownAlready"), 3_000);
    assert!(count("knownAlready") >= 20, "{rest}");
    let listed = house.json(&["messages", "list", "--limit", "5000", "--state", "held"]);
    assert_eq!(listed["messages"].as_array().unwrap().len(), 3_000);
}

#[test]
fn a_failed_message_is_queued_again_and_tried_again() {
    let house = House::start();
    house.ready("billing");
    let send = [
        "send",
        "billing",
        "--to",
        "refused@contoso.com",
        "--text",
        "x",
        "--request-id",
        "once",
        "--wait",
    ];
    let output = house.run(&send);
    assert_eq!(output.status.code(), Some(11));
    let id = newest(&house);
    house.ok(&["services", "suspend", "billing"]);
    let queued = house.json(&["messages", "retry", &id]);
    assert_eq!(queued["message"]["state"], "MESSAGE_STATE_HELD");
    house.ok(&["services", "resume", "billing"]);
    assert_eq!(house.run(&send).status.code(), Some(11), "refused again");
    let shown = house.json(&["messages", "show", &id]);
    assert_eq!(shown["message"]["attempts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_person_decides_what_became_of_an_uncertain_message() {
    let house = House::start();
    house.ready("billing");
    house.ok(&["services", "update", "billing", "--on-uncertain", "hold"]);
    let uncertain = |number: u32| {
        let to = format!("drop-after-dot+{number}@contoso.com");
        let output = house.run(&["send", "billing", "--to", &to, "--text", "x", "--wait"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(11), "{said}");
        assert!(said.contains("UNCERTAIN"), "{said}");
        newest(&house)
    };
    for (number, outcome, state) in [(1, "sent", "SENT"), (2, "failed", "FAILED")] {
        let id = uncertain(number);
        let said = house.ok(&["messages", "resolve", &id, "--as", outcome]);
        assert!(said.contains(state), "{said}");
        let shown = house.json(&["messages", "show", &id]);
        let kept = shown["message"]["state"].as_str().unwrap();
        assert_eq!(kept, format!("MESSAGE_STATE_{state}"));
        house.ok(&["messages", "resolve", &id, "--as", outcome]);
        let other = if outcome == "sent" { "failed" } else { "sent" };
        let (code, said) = house.fails(&["messages", "resolve", &id, "--as", other]);
        assert!(code == 9 && said.contains("WRONG_STATE"), "{said}");
    }
    let id = uncertain(3);
    let queued = house.json(&["messages", "retry", &id]);
    assert_eq!(queued["message"]["state"], "MESSAGE_STATE_QUEUED");
}

fn newest(house: &House) -> String {
    let listed = house.json(&["messages", "list", "--limit", "1"]);
    listed["messages"][0]["messageId"]
        .as_str()
        .unwrap()
        .to_owned()
}
