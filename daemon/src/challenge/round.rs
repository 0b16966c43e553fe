//! Which challenges are met at once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::{ChallengeError, Publisher, publisher::CALL_TIMEOUT};
use crate::{
    issuance::{Challenge, Round},
    store::NewRecord,
    types::{DnsName, InstanceName},
};

/// Most values that one name holds, for instances that have such a limit.
type Limits = BTreeMap<InstanceName, u32>;

impl Publisher {
    /// What to prove now, where its records go and who writes them; nothing is published.
    /// All of `challenges`, unless a provider cannot hold all values of a name at once.
    ///
    /// # Errors
    /// When a zone cannot be found, no provider serves it, or the provider cannot be asked for its limits.
    pub async fn plan(
        &self,
        challenges: Vec<Challenge>,
        now: Timestamp,
    ) -> Result<(Round, Vec<NewRecord>), ChallengeError> {
        let places = try_join_all(challenges.iter().map(|challenge| self.place(challenge, now))).await?;
        let records: Vec<&NewRecord> = places.iter().flatten().collect();
        let limits = self.limits(&records).await?;
        Ok(round(challenges.into_iter().zip(places).collect(), &limits))
    }

    /// Asks only the instances for which it matters: an answer takes a process.
    async fn limits(&self, records: &[&NewRecord]) -> Result<Limits, ChallengeError> {
        let mut values: BTreeMap<(&InstanceName, &DnsName), BTreeSet<&str>> = BTreeMap::new();
        for record in records {
            let place = (&record.instance, &record.owner);
            values.entry(place).or_default().insert(&record.value);
        }
        let crowded = values.into_iter().filter(|(_, values)| values.len() > 1);
        let instances: BTreeSet<&InstanceName> = crowded.map(|((instance, _), _)| instance).collect();
        let limits = instances.into_iter().map(|instance| async move {
            let info = self.info(instance, CALL_TIMEOUT).await?;
            Ok::<_, ChallengeError>(info.value_limit().map(|limit| (instance.clone(), limit)))
        });
        Ok(try_join_all(limits).await?.into_iter().flatten().collect())
    }
}

fn round(mut placed: Vec<(Challenge, Option<NewRecord>)>, limits: &Limits) -> (Round, Vec<NewRecord>) {
    // the CA may be looking at these: their values stand and take their room first
    placed.sort_by_key(|(challenge, _)| !challenge.answered);
    let mut round = Round {
        challenges: Vec::with_capacity(placed.len()),
        more: false,
    };
    let mut records: Vec<NewRecord> = Vec::with_capacity(placed.len());
    let mut held: BTreeMap<(InstanceName, DnsName), BTreeSet<String>> = BTreeMap::new();
    for (challenge, record) in placed {
        // its standing record is there
        let Some(record) = record else {
            round.challenges.push(challenge);
            continue;
        };
        let values = held
            .entry((record.instance.clone(), record.owner.clone()))
            .or_default();
        let full = limits
            .get(&record.instance)
            .is_some_and(|limit| values.len() >= *limit as usize);
        if full && !values.contains(&record.value) {
            round.more = true;
            continue;
        }
        values.insert(record.value.clone());
        round.challenges.push(challenge);
        // apex and wildcard may even share token and value when a CA gives one authorization twice
        if !records.contains(&record) {
            records.push(record);
        }
    }
    (round, records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(name: &str, value: &str, answered: bool) -> (Challenge, Option<NewRecord>) {
        let identifier: DnsName = name.parse().unwrap();
        let challenge = Challenge {
            method: crate::types::ChallengeMethod::Dns01,
            identifier: identifier.clone(),
            prefix: "_acme-challenge".into(),
            authorization: format!("https://ca.test/authz/{value}").parse().unwrap(),
            url: format!("https://ca.test/challenge/{value}").parse().unwrap(),
            token: value.into(),
            key_authorization: value.into(),
            value: value.into(),
            answered,
            expires: None,
        };
        let owner = identifier.child("_acme-challenge").unwrap();
        let record = NewRecord {
            instance: "dns".parse().unwrap(),
            owner: owner.clone(),
            zone: identifier.clone(),
            value: value.into(),
            identifier,
            challenge_name: owner,
            token: value.into(),
            key_authorization: value.into(),
            standing: false,
        };
        (challenge, Some(record))
    }

    fn values(records: &[NewRecord]) -> Vec<&str> {
        records.iter().map(|record| record.value.as_str()).collect()
    }

    #[test]
    fn without_a_limit_everything_is_one_round() {
        let (round, records) = round(
            vec![
                placed("a.test", "apex", false),
                placed("a.test", "wildcard", false),
            ],
            &Limits::new(),
        );
        assert!(!round.more);
        assert_eq!(values(&records), ["apex", "wildcard"]);
    }

    #[test]
    fn a_name_that_holds_one_value_is_proved_in_turn_and_others_beside_it() {
        let limits = Limits::from([("dns".parse().unwrap(), 1)]);
        let all = vec![
            placed("a.test", "apex", false),
            placed("a.test", "wildcard", false),
            placed("b.test", "other", false),
        ];
        let (round, records) = round(all, &limits);
        assert!(round.more);
        assert_eq!(values(&records), ["apex", "other"]);
        assert_eq!(round.challenges.len(), 2);
    }

    #[test]
    fn what_the_ca_is_looking_at_is_not_displaced() {
        let limits = Limits::from([("dns".parse().unwrap(), 1)]);
        let (round, records) = round(
            vec![
                placed("a.test", "apex", false),
                placed("a.test", "wildcard", true),
            ],
            &limits,
        );
        assert!(round.more && round.challenges[0].answered);
        assert_eq!(values(&records), ["wildcard"]);
    }

    #[test]
    fn one_value_for_two_challenges_takes_one_place() {
        let limits = Limits::from([("dns".parse().unwrap(), 1)]);
        let (round, records) = round(
            vec![placed("a.test", "same", false), placed("a.test", "same", false)],
            &limits,
        );
        assert!(!round.more);
        assert_eq!((round.challenges.len(), records.len()), (2, 1));
    }
}
