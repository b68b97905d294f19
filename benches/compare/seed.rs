//! Services by the hundred thousand, put in a store while no server runs: by the store's own API, as
//! if each had been created and tested.

use std::path::Path;
use std::sync::Arc;

use mailwright::env::Env;
use mailwright::metrics::Metrics;
use mailwright::model::service::{
    Auth, Delivery, LastTest, Sender, Service, ServiceConfig, SmtpEndpoint, TlsMode,
};
use mailwright::model::{Labels, MessageId, ServiceId};
use mailwright::store::Store;
use mailwright::store::sled::{Options, SledStore};
use tokio::task::JoinSet;

use crate::flow::nth_host;
use crate::server::{FROM, TO};

/// Transactions that wait at once, so that they share syncs.
const AT_ONCE: usize = 512;

/// The n-th service's id.
pub fn id(n: usize) -> String {
    format!("scale-{n}")
}

/// Puts so many in the store of this data folder.
pub async fn services(data: &Path, count: usize) {
    let env = Env::system();
    let store = SledStore::open(data, &env, &Metrics::new(), Options::default());
    let store = Arc::new(store.unwrap());
    let mut waiting = JoinSet::new();
    for n in 0..count {
        if waiting.len() == AT_ONCE {
            waiting.join_next().await.unwrap().unwrap();
        }
        let (store, env) = (store.clone(), env.clone());
        waiting.spawn(async move {
            let now = env.now();
            let id: ServiceId = id(n).parse().unwrap();
            let service = Service::new(id.clone(), config(n), now);
            store.create_service(now, service, None).await.unwrap();
            let passed = LastTest {
                time: now,
                to: TO.parse().unwrap(),
                passed: true,
                message_id: MessageId::generate(now, env.random()),
                diagnosis: None,
            };
            store.record_test(now, &id, passed, None).await.unwrap();
        });
    }
    waiting.join_all().await;
    store.close();
}

fn config(n: usize) -> ServiceConfig {
    ServiceConfig {
        display_name: format!("Service {n}"),
        smtp: SmtpEndpoint {
            host: nth_host(n).to_string(),
            port: 25,
            tls: TlsMode::Plaintext,
        },
        sender: Sender {
            address: FROM.parse().unwrap(),
            name: String::new(),
            reply_to: None,
            allowed_addresses: Vec::new(),
        },
        auth: Auth::None,
        delivery: Delivery::default(),
        labels: Labels::default(),
    }
}
