//! CAs that do what they like, for days, and then behave.

use std::{collections::BTreeMap, time::Duration};

use dns01d::{
    clock::Clock as _,
    random::Random as _,
    schedule::{Limits, most_in_a_day},
};
use jiff::{SignedDuration, Timestamp};
use lab::ca::{
    CaKnobs, CertificateFault, Endpoint, Fault, FaultRule, NameProblem, NameStage, Phase, ProblemType,
    RenewalAnswers, ReplacesAnswers, RetryAfter, When,
};

use super::{
    number_from,
    stage::{Plot, Stage, ZONE},
    virtual_clock::Seeded,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Long enough for the longest wait that a CA may ask for, a week.
const PEACE: Duration = Duration::from_secs(8 * 24 * 3600);

/// Dice of one case.
struct Dice(Seeded);

impl Dice {
    fn of(&self, most: u64) -> u64 {
        self.0.u64() % most
    }

    fn one<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.of(choices.len() as u64) as usize]
    }

    fn retry_after(&self) -> RetryAfter {
        self.one(&[
            RetryAfter::Absent,
            RetryAfter::Seconds(0),
            RetryAfter::Seconds(90),
            RetryAfter::DateIn(600),
            RetryAfter::Seconds(7200),
            RetryAfter::Seconds(315_360_000),
        ])
    }

    /// What the CA does in the next hours.
    fn mood(&self, lifetime: Duration) -> CaKnobs {
        let mut knobs = CaKnobs {
            lifetime,
            backdate: self.one(&[Duration::ZERO, HOUR, lifetime * 3 / 4]),
            nonce_reject: self.one(&[0.0, 0.2, 0.6]),
            renewal_info: self.one(&[
                RenewalAnswers::Offered,
                RenewalAnswers::AlwaysOpen,
                RenewalAnswers::Inverted,
                RenewalAnswers::NotFound,
                RenewalAnswers::InternalError,
                RenewalAnswers::Garbage,
            ]),
            renewal_retry_after: self.retry_after(),
            replaces: self.one(&[
                ReplacesAnswers::Checked,
                ReplacesAnswers::AlreadyReplaced,
                ReplacesAnswers::Refused,
            ]),
            processing: self.one(&[None, None, Some(HOUR)]),
            certificate_fault: self.one(&[
                None,
                None,
                Some(CertificateFault::WrongKey),
                Some(CertificateFault::NameMissing),
                Some(CertificateFault::Expired),
            ]),
            reuse_orders: self.of(2) == 0,
            reuse_authorizations: self.of(2) == 0,
            ..CaKnobs::default()
        };
        if self.of(3) == 0 {
            knobs.faults.push(FaultRule {
                endpoint: self.one(&[
                    None,
                    Some(Endpoint::NewOrder),
                    Some(Endpoint::Finalize),
                    Some(Endpoint::Challenge),
                    Some(Endpoint::Certificate),
                ]),
                when: self.one(&[When::Share(0.5), When::Always, When::Next(2)]),
                phase: self.one(&[Phase::Before, Phase::After]),
                fault: self.one(&[
                    Fault::Status(500),
                    Fault::Status(404),
                    Fault::RateLimited(self.retry_after()),
                    Fault::Unavailable(self.retry_after()),
                    Fault::InternalError,
                    Fault::Reset,
                    Fault::Paused,
                    Fault::Html,
                ]),
            });
        }
        if self.of(4) == 0 {
            knobs.name_problems.push(NameProblem {
                name: format!("n0.{ZONE}"),
                at: self.one(&[NameStage::NewOrder, NameStage::Validation, NameStage::Finalize]),
                problem: ProblemType::Unauthorized,
                detail: "not today".into(),
            });
        }
        knobs
    }
}

/// The largest number of these moments that a stretch of time of this length holds.
fn most_within(mut moments: Vec<Timestamp>, length: SignedDuration) -> usize {
    moments.sort_unstable();
    let within = |first: &Timestamp| {
        let inside = moments
            .iter()
            .filter(|moment| *moment >= first && moment.duration_since(*first) < length);
        inside.count()
    };
    moments.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn whatever_a_ca_does_no_certificate_is_asked_for_beyond_the_breaker_and_peace_brings_one() {
    let cases = number_from("SIM_CASES", 40);
    let mut asked_for = 0;
    for case in 0..cases {
        let dice = Dice(Seeded::new(case as u64));
        let lifetime = dice.one(&[90 * DAY, Duration::from_secs(160 * 3600), DAY]);
        let stage = Stage::new(Plot {
            limits: Limits::NONE,
            ..Plot::plain(case as u64, dice.mood(lifetime), 1)
        });
        let ca = &stage.peers[0].ca;
        for _ in 0..8 {
            let life = stage.start().await;
            tokio::time::sleep(12 * HOUR).await;
            life.kill().await;
            let mood = dice.mood(lifetime);
            ca.knobs().update(|knobs| *knobs = mood);
        }
        ca.knobs().update(|knobs| {
            *knobs = CaKnobs {
                lifetime,
                ..CaKnobs::default()
            }
        });
        let life = stage.start().await;
        tokio::time::sleep(PEACE).await;

        let row = life.row("n0").await;
        let issued = row
            .issued
            .unwrap_or_else(|| panic!("case {case}: no certificate: {:?}", row.last_error));
        assert!(issued.not_after > stage.clock.now(), "case {case}: {issued:?}");
        // an order whose answer was lost may be finalized again: it is one certificate
        let mut orders = BTreeMap::new();
        for request in ca.requests() {
            if request.endpoint == Endpoint::Finalize && request.status == 200 {
                orders.entry(request.path).or_insert(request.at);
            }
        }
        let finalized: Vec<Timestamp> = orders.into_values().collect();
        asked_for += finalized.len();
        let begin = Timestamp::UNIX_EPOCH;
        let life_of_one = SignedDuration::try_from(lifetime).unwrap();
        let allowed = most_in_a_day(Some((begin, begin + life_of_one)));
        let most = most_within(finalized, SignedDuration::from_hours(24));
        assert!(
            most <= allowed as usize,
            "case {case}: {most} in a day, where {allowed} are allowed"
        );
        let refused: Vec<Timestamp> = ca
            .validations()
            .iter()
            .filter(|validation| validation.failure.is_some())
            .map(|validation| validation.at)
            .collect();
        let most = most_within(refused, SignedDuration::from_hours(1));
        assert!(most <= 5, "case {case}: {most} failed validations in an hour");
        life.kill().await;
    }
    println!("{cases} CAs, {asked_for} certificates asked for");
    assert!(asked_for > cases, "nothing was tried");
}
