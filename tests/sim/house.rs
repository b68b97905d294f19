//! The process under test: built as `app` does, over a world in memory, and gone at any instant.
//! It has no doors: callers call the operations themselves.

use std::sync::Arc;
use std::time::Duration;

use mailwright::config::Config;
use mailwright::egress::Egress;
use mailwright::env::Env;
use mailwright::metrics::Metrics;
use mailwright::ops::Core;
use mailwright::smtp::{Pool, Timeouts};
use mailwright::store::Store;
use mailwright::store::memory::MemoryStore;
use mailwright::vault::{Key, KeyRing, Vault};
use mailwright::work::{self, Tasks};
use tokio::sync::watch;

use crate::callers::{self, Ledger};
use crate::oracle::Evidence;
use crate::plan::{Crash, PATIENCE, Plan, TROUBLE_ENDS};
use crate::store::FlakyStore;
use crate::world::{World, dial, tls};

/// What a process that is told to stop gets to end its work.
const GRACE: Duration = Duration::from_secs(30);

/// What outlives a process.
pub struct Lasting {
    pub world: World,
    pub kept: Arc<MemoryStore>,
    pub ledger: Ledger,
}

impl Lasting {
    /// The world of a seed, before anything happened in it.
    pub fn of(seed: u64) -> Arc<Self> {
        let plan = Arc::new(Plan::draw(seed));
        Arc::new(Self {
            ledger: Ledger::new(&plan),
            world: World::new(plan),
            kept: Arc::new(MemoryStore::new(seed)),
        })
    }
}

/// How a process ended.
pub enum End {
    Crashed(Crash),
    /// Everything has ended; what there is to see then.
    Done(Evidence),
}

/// Runs a process until it crashes, or until all is over.
pub async fn live(lasting: &Arc<Lasting>, number: u64) -> End {
    let end = live_until(lasting, number).await;
    let gone = match &end {
        End::Crashed(crash) => crash.gone,
        End::Done(_) => Duration::ZERO,
    };
    // Here, since outside of its runtime the clock is another.
    lasting.world.end_process(gone);
    end
}

async fn live_until(lasting: &Arc<Lasting>, number: u64) -> End {
    let world = &lasting.world;
    let env = world.begin_process(number);
    world.note("process", format!("{number} starts at {:?}", env.now()));
    let core = build(lasting, env.clone(), number).await;
    // A channel each, since of several that wait on one, tokio wakes any first.
    let [first, second, third, fourth] = std::array::from_fn(|_| watch::channel(false));
    let stops = [first.0, second.0, third.0, fourth.0];
    let loops = run_loops(core.clone(), [first.1, second.1, third.1, fourth.1]);
    let mut loops = tokio::spawn(loops);
    tokio::spawn(jump(world.clone(), env.clone()));
    tokio::spawn(callers::watch(lasting.clone(), core.clone()));
    let now = world.elapsed();
    let crash = world.plan().crashes.iter().find(|crash| crash.at > now);
    tokio::select! {
        biased;
        crash = fall(world, crash.copied()) => {
            if crash.told {
                world.note("process", "is told to stop");
                for stop in &stops {
                    // The loops hold the receivers.
                    let _ = stop.send(true);
                }
                if env.timeout(GRACE, &mut loops).await.is_err() {
                    world.note("process", "did not end its work in time");
                }
            }
            End::Crashed(crash)
        }
        () = to_the_end(lasting, &core) => End::Done(Evidence::gather(lasting).await),
    }
}

async fn fall(world: &World, crash: Option<Crash>) -> Crash {
    match crash {
        Some(crash) => {
            world.until(crash.at).await;
            crash
        }
        None => std::future::pending().await,
    }
}

/// The operations' core, on what is kept, in process number `number`.
pub async fn build(lasting: &Arc<Lasting>, env: Env, number: u64) -> Arc<Core> {
    let world = &lasting.world;
    let mut config = Config::defaults();
    config.data.retention_days = 90;
    config.egress.allow_plaintext_smtp = vec!["192.0.2.0/24".into()];
    config.oauth.microsoft_authority = format!("http://{}", dial::IDP);
    let allow = ["127.0.0.0/8", "192.0.2.0/24"].map(|network| network.parse().unwrap());
    let authority = tls::authority().0.as_bytes();
    let egress = Egress::new(env.clone(), allow.to_vec(), Some(authority), None)
        .unwrap()
        .with_plaintext(allow.to_vec())
        .with_dialler(world.dialler());
    let hello_name = "sim.example".to_owned();
    let pool = Pool::new(env.clone(), egress.clone(), Timeouts::default(), hello_name);
    let store = FlakyStore::new(lasting.kept.clone(), world.clone(), number);
    // Whoever starts the process starts it again if the store is not there yet.
    while store.recover(env.now()).await.is_err() {
        env.sleep(Duration::from_secs(1)).await;
    }
    let vault = Vault::new(KeyRing::of(Key::new([7; 32])), env.clone());
    Arc::new(Core::new(
        Arc::new(store),
        pool,
        egress,
        vault,
        env,
        Metrics::new(),
        config,
    ))
}

async fn run_loops(core: Arc<Core>, stopping: [watch::Receiver<bool>; 4]) {
    let [first, second, third, fourth] = stopping;
    let (mut deliveries, mut refreshes) = (Tasks::at_most(8), Tasks::at_most(4));
    tokio::join!(
        work::deliver::run(&core, first, &mut deliveries),
        work::refresh::run(&core, second, &mut refreshes),
        work::sweep::run(&core, third),
        work::feed::run(&core, fourth),
    );
    tokio::join!(deliveries.drain(), refreshes.drain());
}

async fn jump(world: World, env: Env) {
    let mut jumps = world.plan().jumps.clone();
    jumps.sort();
    for (at, seconds) in jumps {
        if at > world.elapsed() {
            world.until(at).await;
            env.jump(seconds);
            world.note("clock", format!("jumps by {seconds} s"));
        }
    }
}

/// Lets callers call, heals the world, and waits until every message has ended.
async fn to_the_end(lasting: &Arc<Lasting>, core: &Arc<Core>) {
    let world = &lasting.world;
    let heal = async {
        world.until(TROUBLE_ENDS).await;
        world.heal();
    };
    tokio::join!(callers::call(lasting, core), heal);
    callers::mend(lasting, core, true).await;
    loop {
        let unfinished = Evidence::unfinished(lasting).await;
        if unfinished.is_empty() {
            return;
        }
        if world.elapsed() > TROUBLE_ENDS + PATIENCE {
            for message in unfinished {
                world.violated(format!("never ended: {message}"));
            }
            return;
        }
        core.env.sleep(Duration::from_secs(10 * 60)).await;
        // A grant may be found dead only now.
        callers::mend(lasting, core, false).await;
    }
}
