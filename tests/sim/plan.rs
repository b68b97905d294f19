//! What is to happen in a run, drawn from its seed before it begins. Times count from the run's
//! start and know nothing of crashes and of jumps of the wall clock.

use std::time::Duration;

use mailwright::model::message::Priority;
use mailwright::model::service::{OnUncertain, TlsMode};

use crate::dice::Dice;

/// Until then nothing goes wrong, so that services can be set up.
pub const TROUBLE_BEGINS: Duration = Duration::from_secs(5 * 60);
/// From then on nothing goes wrong any more.
pub const TROUBLE_ENDS: Duration = Duration::from_secs(4 * 3_600);
/// Whatever has not ended so long after that never will.
pub const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3_600);

pub struct Plan {
    pub seed: u64,
    pub mailboxes: Vec<Mailbox>,
    pub services: Vec<Service>,
    pub sends: Vec<Send>,
    pub acts: Vec<(Duration, Act)>,
    /// When the process ends, whether it is told before, and how long it is gone.
    pub crashes: Vec<Crash>,
    /// Seconds by which the wall clock jumps.
    pub jumps: Vec<(Duration, i64)>,
    pub store: StoreCharacter,
    /// Of a thousand token requests, so many fail.
    pub idp_faults: u64,
}

/// One login at one host; its address tells which.
pub struct Mailbox {
    pub tls: TlsMode,
    pub access: Access,
    pub character: Character,
    /// When nobody answers there.
    pub down: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Open,
    Password,
    /// XOAUTH2 or OAUTHBEARER.
    Token,
}

/// How often a step goes wrong, in a thousand.
#[derive(Clone, Copy, Debug)]
pub struct Character {
    pub slow: u64,
    pub silent: u64,
    pub cut: u64,
    pub refuse: u64,
    pub refuse_recipient: u64,
    pub lose_reply: u64,
    pub pipelining: bool,
}

#[derive(Clone, Debug)]
pub struct Service {
    pub id: String,
    pub mailbox: usize,
    pub provider: Option<Provider>,
    pub max_connections: u32,
    pub recipients_per_message: u32,
    pub on_uncertain: OnUncertain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Microsoft,
    Custom,
}

#[derive(Clone, Debug)]
pub struct Send {
    pub at: Duration,
    pub service: usize,
    pub request_id: Option<String>,
    pub recipients: usize,
    pub priority: Priority,
    pub send_in: Option<Duration>,
    pub expire_in: Option<Duration>,
    pub on_uncertain: Option<OnUncertain>,
    pub body_bytes: usize,
    /// The caller hangs up after this.
    pub hangs_up_after: Option<Duration>,
    /// Called again though it was answered.
    pub repeats: bool,
    pub cancel_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub enum Act {
    Suspend(usize),
    Resume(usize),
    Update(usize, u32, u32),
    /// The provider takes the grant back.
    Revoke(usize),
    /// An admin signs in again.
    Authorize(usize),
    /// RevokeAuthorization.
    Forget(usize),
    /// The client gets a new secret, and the provider takes the old one no more.
    Rotate(usize),
    /// With all mail that waits.
    Delete(usize),
}

#[derive(Clone, Copy, Debug)]
pub struct Crash {
    pub at: Duration,
    pub told: bool,
    pub gone: Duration,
}

/// How often a call of the store goes wrong, in a thousand.
#[derive(Clone, Copy, Debug)]
pub struct StoreCharacter {
    pub fails: u64,
    pub slow: u64,
}

impl Plan {
    pub fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, "plan", 0);
        let (mailboxes, services) = mailboxes(dice);
        let bursts = [(); 3].map(|()| dice.minutes(6, 170));
        let sends = (0..dice.between(15, 45))
            .map(|number| send(dice, number, &services, &bursts))
            .collect();
        let acts = acts(dice, &services, &mut Dice::new(seed, "upkeep", 0));
        let crashes = crashes(dice);
        let jumps = (0..dice.between(0, 3)).map(|_| jump(dice)).collect();
        let store = StoreCharacter {
            fails: dice.pick(&[0, 2, 10, 40]),
            slow: dice.pick(&[5, 20, 60]),
        };
        Self {
            seed,
            mailboxes,
            services,
            sends,
            acts,
            crashes,
            jumps,
            store,
            idp_faults: dice.pick(&[50, 200, 500]),
        }
    }
}

fn mailboxes(dice: &mut Dice) -> (Vec<Mailbox>, Vec<Service>) {
    let (mut mailboxes, mut services) = (Vec::new(), Vec::new());
    for number in 0..dice.between(2, 4) as usize {
        let access = dice.pick(&[Access::Open, Access::Password, Access::Token, Access::Token]);
        let provider = match access {
            Access::Token => Some(dice.pick(&[Provider::Microsoft, Provider::Custom])),
            Access::Open | Access::Password => None,
        };
        mailboxes.push(mailbox(dice, access));
        // A second service on the mailbox shares its limits.
        for twin in 0..1 + u64::from(dice.in_1000(250)) {
            services.push(Service {
                id: format!("svc-{number}-{twin}"),
                mailbox: number,
                provider,
                max_connections: dice.pick(&[1, 2, 3, 3]),
                recipients_per_message: dice.pick(&[1, 2, 10]),
                on_uncertain: dice.pick(&[OnUncertain::Resend, OnUncertain::Hold]),
            });
        }
    }
    (mailboxes, services)
}

fn mailbox(dice: &mut Dice, access: Access) -> Mailbox {
    let tls = match access {
        Access::Open => TlsMode::Plaintext,
        _ => dice.pick(&[TlsMode::Starttls, TlsMode::Implicit]),
    };
    let mut often = |from: &[u64]| dice.pick(from);
    let character = Character {
        slow: often(&[5, 30, 100]),
        silent: often(&[0, 2, 15]),
        cut: often(&[0, 10, 40]),
        refuse: often(&[5, 20, 80]),
        refuse_recipient: often(&[10, 80, 200]),
        lose_reply: often(&[0, 30, 150]),
        pipelining: often(&[0, 1]) == 1,
    };
    let from = dice.minutes(10, 180);
    let down = dice
        .in_1000(300)
        .then(|| (from, from + dice.minutes(1, 50)));
    Mailbox {
        tls,
        access,
        character,
        down,
    }
}

fn send(dice: &mut Dice, number: u64, services: &[Service], bursts: &[Duration]) -> Send {
    let service = dice.between(0, services.len() as u64 - 1) as usize;
    let on_uncertain = dice.pick(&[
        None,
        None,
        Some(OnUncertain::Resend),
        Some(OnUncertain::Hold),
    ]);
    let recipients = dice.pick(&[1, 1, 2, 3, 5]);
    let send_in = dice.in_1000(250).then(|| dice.minutes(1, 120));
    let after = send_in.unwrap_or_default();
    let expire_in = dice.in_1000(400).then(|| after + dice.minutes(1, 150));
    Send {
        at: match dice.in_1000(600) {
            true => dice.pick(bursts) + dice.seconds(0, 5),
            false => dice.seconds(TROUBLE_BEGINS.as_secs(), 3 * 3_600),
        },
        service,
        request_id: dice.in_1000(700).then(|| format!("request-{number}")),
        recipients,
        priority: dice.pick(&[Priority::High, Priority::Normal, Priority::Bulk]),
        send_in,
        expire_in,
        on_uncertain,
        body_bytes: match dice.in_1000(60) {
            true => 40_000,
            false => dice.pick(&[10, 500, 3_000]),
        },
        hangs_up_after: dice.in_1000(150).then(|| dice.seconds(0, 3)),
        repeats: dice.in_1000(200),
        cancel_after: dice.in_1000(200).then(|| dice.seconds(0, 3_600)),
    }
}

fn acts(dice: &mut Dice, services: &[Service], upkeep: &mut Dice) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    for (number, service) in services.iter().enumerate() {
        let at = dice.minutes(10, 180);
        if dice.in_1000(300) {
            acts.push((at, Act::Suspend(number)));
            acts.push((at + dice.minutes(1, 40), Act::Resume(number)));
        }
        for _ in 0..dice.between(0, 2) {
            let (connections, recipients) = (dice.pick(&[1, 2, 3, 4]), dice.pick(&[1, 2, 10]));
            let update = Act::Update(number, connections, recipients);
            acts.push((dice.minutes(10, 200), update));
        }
        if service.provider.is_some() && dice.in_1000(350) {
            let at = dice.minutes(10, 180);
            acts.push((at, Act::Revoke(number)));
            if dice.in_1000(700) {
                acts.push((at + dice.minutes(5, 80), Act::Authorize(number)));
            }
        }
    }
    if dice.in_1000(150) {
        let number = dice.between(0, services.len() as u64 - 1) as usize;
        acts.push((dice.minutes(60, 200), Act::Delete(number)));
    }
    for (number, service) in services.iter().enumerate() {
        if service.provider.is_none() {
            continue;
        }
        for _ in 0..upkeep.between(0, 2) {
            acts.push((upkeep.minutes(6, 200), Act::Rotate(number)));
        }
        if upkeep.in_1000(400) {
            let at = upkeep.minutes(6, 180);
            acts.push((at, Act::Forget(number)));
            // At once, or when mail has long waited.
            let again = at + upkeep.seconds(0, 60 * 60);
            acts.push((again, Act::Authorize(number)));
        }
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn crashes(dice: &mut Dice) -> Vec<Crash> {
    let mut crashes: Vec<Crash> = (0..dice.between(0, 5))
        .map(|_| Crash {
            at: dice.seconds(6 * 60, 225 * 60),
            told: dice.in_1000(250),
            gone: dice.seconds(0, 120),
        })
        .collect();
    crashes.sort_by_key(|crash| crash.at);
    crashes
}

fn jump(dice: &mut Dice) -> (Duration, i64) {
    let seconds = dice.pick(&[2, 90, 3_600, 3 * 3_600]) as i64;
    let at = dice.minutes(6, 220);
    (at, if dice.in_1000(500) { seconds } else { -seconds })
}
