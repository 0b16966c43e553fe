//! Standing records (dns-persist-01): looked for before anything is published, and watched afterwards.

use jiff::{SignedDuration, Timestamp};

use super::{
    ChallengeError, Publisher,
    publisher::{challenge_name, empty_record},
};
use crate::{
    acme::{PERSIST_LABEL, PersistRecord},
    dns::{Indirect, ServerTxt},
    issuance::Challenge,
    store::NewRecord,
    types::DnsName,
};

/// A CA looks this much later at most: an order that waits in a queue, and clocks that differ.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// What all authoritative servers show of a standing record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It is there, and good until then, if it says so.
    Good {
        /// Its `persistUntil`.
        until: Option<Timestamp>,
    },
    /// It is not there, or not right, at a server; for the operator.
    Wrong(String),
}

impl Publisher {
    /// Whether every authoritative server shows a record that is good for the challenge, and still is when a CA looks.
    /// `None` where they are not asked, and a resolver would remember that it was not there yet.
    pub(super) async fn stands(
        &self,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<Option<bool>, ChallengeError> {
        let Ok(wanted) = challenge.value.parse::<PersistRecord>() else {
            return Ok(Some(false));
        };
        match self.standing(&challenge.identifier, &wanted).await {
            Ok(Stands::Good { until }) => {
                Ok(Some(until.is_none_or(|until| until.duration_since(now) > MARGIN)))
            }
            Ok(Stands::Wrong(_)) => Ok(Some(false)),
            Err(ChallengeError::NotLookedAt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The journal's row of a standing record, where it goes now.
    ///
    /// # Errors
    /// When there is no zone or no provider for it.
    pub async fn standing_record(
        &self,
        identifier: &DnsName,
        wanted: &PersistRecord,
    ) -> Result<NewRecord, ChallengeError> {
        let (location, instance) = self.whereabouts(identifier, PERSIST_LABEL).await?;
        Ok(NewRecord {
            value: wanted.to_string(),
            standing: true,
            ..empty_record(identifier, instance, location)
        })
    }

    /// Whether every authoritative server shows this very record. `None` where they are not asked.
    ///
    /// # Errors
    /// When the servers of the name cannot be found.
    pub async fn is_everywhere(&self, record: &NewRecord) -> Result<Option<bool>, ChallengeError> {
        let location = self.dns.locate(&record.challenge_name).await?;
        if location.visibility.is_indirect() {
            return Ok(None);
        }
        let shown = self.dns.txt(&location).await;
        let shows = |server: &ServerTxt| {
            server
                .values
                .as_ref()
                .is_ok_and(|values| values.contains(&record.value))
        };
        Ok(Some(!shown.is_empty() && shown.iter().all(shows)))
    }

    /// What the authoritative servers show of the standing record of a name, for the account that `wanted` names. A
    /// record of another issuer name of the CA is as good.
    ///
    /// # Errors
    /// When the servers of the name cannot be found, or are not to be asked.
    pub async fn standing(
        &self,
        identifier: &DnsName,
        wanted: &PersistRecord,
    ) -> Result<Stands, ChallengeError> {
        let location = self
            .dns
            .locate(&challenge_name(identifier, PERSIST_LABEL)?)
            .await?;
        if location.visibility.is_indirect() {
            return Err(ChallengeError::NotLookedAt(Indirect::of(&location)));
        }
        let shown = self.dns.txt(&location).await;
        let owner = &location.owner;
        let mut until: Option<Timestamp> = None;
        for server in &shown {
            match good_at(server, wanted) {
                Ok(Some(moment)) => until = Some(until.map_or(moment, |until| until.min(moment))),
                Ok(None) => {}
                Err(why) => return Ok(Stands::Wrong(format!("{owner} at {}: {why}", server.address))),
            }
        }
        if shown.is_empty() {
            return Ok(Stands::Wrong(format!(
                "no authoritative server of {owner} can be asked"
            )));
        }
        Ok(Stands::Good { until })
    }
}

/// The latest end of those records of one server that are good; `Ok(None)` when one has no end.
fn good_at(server: &ServerTxt, wanted: &PersistRecord) -> Result<Option<Timestamp>, String> {
    let values = server.values.as_ref().map_err(ToString::to_string)?;
    let ours: Vec<PersistRecord> = values
        .iter()
        .filter_map(|value| value.parse::<PersistRecord>().ok())
        .filter(|record| record.account_uri == wanted.account_uri)
        .collect();
    if ours.is_empty() {
        return Err("there is no record for this account".into());
    }
    let good: Vec<&PersistRecord> = ours
        .iter()
        .filter(|record| record.wildcard || !wanted.wildcard)
        .collect();
    if good.is_empty() {
        return Err("the record lacks policy=wildcard".into());
    }
    if good.iter().any(|record| record.persist_until.is_none()) {
        return Ok(None);
    }
    Ok(good.iter().filter_map(|record| record.persist_until).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "ca.test; accounturi=https://ca.test/account/1; policy=wildcard";

    fn server(values: &[&str]) -> ServerTxt {
        ServerTxt {
            server: None,
            address: "192.0.2.1:53".parse().unwrap(),
            values: Ok(values.iter().map(|value| (*value).to_owned()).collect()),
        }
    }

    fn good(values: &[&str]) -> Result<Option<i64>, String> {
        let until = good_at(&server(values), &WANTED.parse().unwrap())?;
        Ok(until.map(Timestamp::as_second))
    }

    #[test]
    fn a_record_counts_for_this_account_with_the_policy_that_is_needed() {
        assert_eq!(good(&[WANTED]), Ok(None));
        assert_eq!(
            good(&[
                "v=spf1 -all",
                "other.test;policy=wildcard;accounturi=https://ca.test/account/1"
            ]),
            Ok(None)
        );
        let other = "ca.test; accounturi=https://ca.test/account/2; policy=wildcard";
        assert!(good(&[other]).unwrap_err().contains("no record for this account"));
        let narrow = "ca.test; accounturi=https://ca.test/account/1";
        assert!(good(&[narrow]).unwrap_err().contains("policy=wildcard"));
        assert!(good(&[]).is_err());
    }

    #[test]
    fn the_record_that_lasts_longest_counts() {
        let until = |second: i64| format!("{WANTED}; persistUntil={second}");
        assert_eq!(good(&[&until(7), &until(9)]), Ok(Some(9)));
        assert_eq!(good(&[&until(7), WANTED]), Ok(None));
    }
}
