//! route53 in its sandbox, against moto with the rules of the real Route 53 (`lab::moto`).
//!
//! moto checks no credentials, so what AWS says to bad ones comes from the front before it.

mod credentials;
mod faults;
mod issuance;
mod records;
mod zones;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dns01d::plugin::{
    CallError, Failure, FailureClass, Instance, ProviderClient as _, Record, RecordOutcome,
};
use lab::moto::{Front, Moto};

use crate::instance::{LONG, Values, instance, record};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "s3cr3t/of+the/access+key";

/// A hosted zone of its own at a moto that others share.
struct Lab {
    moto: Arc<Moto>,
    front: Front,
    zone: String,
    id: String,
}

impl Lab {
    async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let moto = Moto::shared().await.expect("moto");
        let front = Front::start(Arc::clone(&moto)).await;
        // each has a domain of its own, as a zone found is the longest of all of them
        let zone = format!("example{}.test", NUMBER.fetch_add(1, Ordering::Relaxed));
        let id = moto.zone(&zone).await;
        Lab {
            moto,
            front,
            zone,
            id,
        }
    }

    /// An instance with a static key, and more options.
    fn provider(&self, more: Values<'_>) -> Instance {
        let url = self.front.url();
        let mut values = vec![
            ("endpoint", url.as_str(), false),
            ("access-key-id", KEY, false),
            ("secret-access-key", SECRET, true),
        ];
        values.extend(more);
        instance("route53", &values)
    }

    /// A record of the zone, or of a name below it.
    fn record(&self, below: &str, value: &str) -> Record {
        match below {
            "" => record(&self.zone, value),
            below => record(&format!("{below}.{}", self.zone), value),
        }
    }

    fn name(&self) -> String {
        format!("_acme-challenge.{}", self.zone)
    }

    /// The values at the zone's own challenge name.
    async fn txt(&self) -> Vec<String> {
        self.moto.txt(&self.id, &self.name()).await.0
    }
}

/// The failure of the first record.
fn failure(outcomes: Result<Vec<RecordOutcome>, CallError>) -> Failure {
    outcomes.expect("an answer").remove(0).expect_err("a failure")
}

/// Presents one record, and wants it to fail like this and to say this.
async fn refused(provider: &Instance, record: Record, class: FailureClass, words: &[&str]) -> Failure {
    let failure = failure(provider.present(&[record], LONG).await);
    assert_eq!(failure.class, class, "{}", failure.message);
    for word in words {
        assert!(
            failure.message.contains(word),
            "`{word}` is not in: {}",
            failure.message
        );
    }
    failure
}
