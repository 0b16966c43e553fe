//! A CA that counts as Let's Encrypt does never has to refuse.

use std::time::Duration;

use dns01d::{random::Random as _, schedule::Limits};
use lab::ca::{self, CaKnobs, NameProblem, NameStage, ProblemType, RetryAfter};

use super::{
    stage::{Plot, Stage, ZONE},
    virtual_clock::Seeded,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const CERTIFICATES: usize = 200;
/// Registered domains that the names are below.
const DOMAINS: usize = 3;
/// Each of this many names cannot be proved.
const FAILING: usize = 40;

#[tokio::test(start_paused = true)]
async fn no_order_of_two_hundred_certificates_is_one_that_the_ca_refuses() {
    let fqdn = |number: usize| format!("n{number}.d{}.{ZONE}", number % DOMAINS);
    let refusal = |number: usize| NameProblem {
        name: fqdn(number),
        at: NameStage::Validation,
        problem: ProblemType::Unauthorized,
        detail: "no such record".into(),
    };
    let knobs = CaKnobs {
        lifetime: 45 * DAY,
        limits: Some(ca::Limits::default()),
        renewal_retry_after: RetryAfter::Seconds(86_400),
        name_problems: (0..CERTIFICATES).step_by(FAILING).map(refusal).collect(),
        ..CaKnobs::default()
    };
    let plot = Plot {
        seed: 3,
        cas: vec![knobs],
        certificates: (0..CERTIFICATES)
            .map(|number| (format!("n{number}"), vec![fqdn(number)], vec![0]))
            .collect(),
        limits: Limits::LETS_ENCRYPT,
        rollover: None,
    };
    let stage = Stage::new(plot);
    let dice = Seeded::new(3);
    let mut asked = 0;
    for _ in 0..12 {
        let life = stage.start().await;
        for _ in 0..8 {
            tokio::time::sleep(HOUR + Duration::from_secs(dice.below(2 * 43_200))).await;
            // an impatient operator, and a script of theirs
            let times = if dice.below(3) == 0 { 8 } else { 1 };
            let name = format!("n{}", dice.below(CERTIFICATES as u64));
            for _ in 0..times {
                life.engine.renew(&name).await.unwrap().unwrap();
                asked += 1;
                tokio::time::sleep(Duration::from_secs(120)).await;
            }
        }
        life.kill().await;
    }
    let ca = &stage.peers[0].ca;
    let counts = ca.counts();
    println!("{CERTIFICATES} certificates below {DOMAINS} domains, {asked} renewals asked for: {counts:?}");
    assert_eq!(ca.limit_hits().len(), 0, "{:?}", ca.limit_hits());
    let proved = CERTIFICATES - CERTIFICATES.div_ceil(FAILING);
    let mut sets: Vec<_> = ca
        .certificates()
        .into_iter()
        .map(|certificate| certificate.names)
        .collect();
    sets.sort();
    sets.dedup();
    assert_eq!(sets.len(), proved, "all others have a certificate");
}
