use crate::{
    dns,
    plugin::{self, RecordKind},
    store::StoreError,
    types::{DnsName, Fault, FaultClass, InstanceName},
};

/// Why a challenge record could not be published or seen.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    /// No route leads to a provider.
    #[error(
        "no provider serves `{owner}`: add its zone {zone} to `zones` of a provider, or a provider without `zones`"
    )]
    NoRoute {
        /// The name, CNAMEs followed.
        owner: DnsName,
        /// Its zone.
        zone: DnsName,
    },
    /// A route leads to an instance that is not there: a bug in applying the configuration.
    #[error("provider `{0}` is not configured")]
    NoInstance(InstanceName),
    /// What a challenge asks for does not fit in front of it.
    #[error("`{prefix}.{identifier}` is longer than a DNS name can be")]
    TooLong {
        /// The name to prove.
        identifier: DnsName,
        /// What stands before it.
        prefix: String,
    },
    /// A standing record that no provider can write (dns-persist-01).
    #[error(
        "no provider serves {owner}, and its standing record is not there: publish `{owner}. 3600 IN TXT \"{value}\"` by hand, once; it is looked for again by itself"
    )]
    ByHand {
        /// Where it belongs.
        owner: DnsName,
        /// What it says.
        value: String,
    },
    /// Records of this zone are not looked at before they are published.
    #[error("{0}: what stands there is not looked at")]
    NotLookedAt(dns::Indirect),
    /// The provider writes no such records.
    #[error(
        "provider `{instance}` does not write records for {}: change `challenges` of the certificate, or serve its zone by another provider", method(*kind)
    )]
    Kind {
        /// Which one.
        instance: InstanceName,
        /// What it does not know.
        kind: RecordKind,
    },
    /// The zone of a name could not be found.
    #[error(transparent)]
    Locate(#[from] dns::LocateError),
    /// The provider process failed as a whole.
    #[error("provider `{instance}`: {source}")]
    Call {
        /// Which one.
        instance: InstanceName,
        /// How.
        source: plugin::CallError,
    },
    /// The provider refused a record.
    #[error("provider `{instance}` for `{owner}`: {failure}")]
    Record {
        /// Which one.
        instance: InstanceName,
        /// Where the record should stand.
        owner: DnsName,
        /// What it said.
        failure: plugin::Failure,
    },
    /// The records were taken out of the journal before they were published.
    #[error(
        "the record at `{owner}` is no longer wanted: the configuration changed while it was to be published"
    )]
    Withdrawn {
        /// Where it would have stood.
        owner: DnsName,
    },
    /// The name holds fewer values than are wanted there.
    #[error(
        "`{owner}` holds {limit} value(s) at a time through provider `{instance}`, and {}",
        held(.holders)
    )]
    NoRoom {
        /// Which one.
        instance: InstanceName,
        /// The name.
        owner: DnsName,
        /// How many values it holds.
        limit: u32,
        /// Certificates whose records come first; none when no wait helps.
        holders: Vec<String>,
    },
    /// A canary stays where it is for now.
    #[error(
        "the canary `{value}` at `{owner}` could not be removed through provider `{instance}`: {why}; {next}"
    )]
    NotRemoved {
        /// Which one.
        instance: InstanceName,
        /// Where it stands.
        owner: DnsName,
        /// What it says.
        value: String,
        /// What the provider said.
        why: String,
        /// What becomes of it.
        next: &'static str,
    },
    /// Somebody wanted it to end.
    #[error("the canary at `{owner}` was called back before it was seen everywhere")]
    CalledBack {
        /// Where it stood.
        owner: DnsName,
    },
    /// The zone's visibility is the provider's word, which it cannot give.
    #[error(
        "provider `{instance}` cannot tell when its servers have a record, and `visibility` of {zone} is `provider-sync`: choose `authorities`, `doh` or `{{wait: DURATION}}`"
    )]
    CannotTell {
        /// Which one.
        instance: InstanceName,
        /// The zone.
        zone: DnsName,
    },
    /// The provider's word, on which the zone's visibility depends, did not come.
    #[error(
        "provider `{instance}` did not say in time that its servers have the records of {zone}, on which `visibility: provider-sync` waits"
    )]
    NotConfirmed {
        /// Which one.
        instance: InstanceName,
        /// The zone.
        zone: DnsName,
    },
    /// Not every server showed the records in time.
    #[error(transparent)]
    NotVisible(#[from] dns::NotVisible),
    /// The journal could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChallengeError {
    /// Whether it is only the turn of others: nothing failed then.
    pub fn is_turn_of_others(&self) -> bool {
        matches!(self, ChallengeError::NoRoom { holders, .. } if !holders.is_empty())
    }

    /// For the schedule.
    pub fn fault(&self) -> Fault {
        let class = match self {
            ChallengeError::NoRoute { .. }
            | ChallengeError::ByHand { .. }
            | ChallengeError::Kind { .. }
            | ChallengeError::CannotTell { .. }
            | ChallengeError::NotLookedAt(_)
            | ChallengeError::TooLong { .. }
            | ChallengeError::NoInstance(_) => FaultClass::Operator,
            ChallengeError::Locate(error) => match error.retry() {
                dns::Retry::Backoff => FaultClass::Transient,
                dns::Retry::Never => FaultClass::Operator,
            },
            // with the name of the instance around the plugin's words
            ChallengeError::Call { source, .. } => {
                return Fault {
                    text: self.to_string(),
                    ..source.fault()
                };
            }
            ChallengeError::Record { failure, .. } => {
                return Fault {
                    text: self.to_string(),
                    ..failure.fault()
                };
            }
            ChallengeError::NoRoom { .. }
            | ChallengeError::NotRemoved { .. }
            | ChallengeError::CalledBack { .. }
            | ChallengeError::Withdrawn { .. }
            | ChallengeError::NotConfirmed { .. }
            | ChallengeError::NotVisible(_)
            | ChallengeError::Store(_) => FaultClass::Transient,
        };
        Fault::new(class, self.to_string())
    }
}

/// Who holds a name, or why no wait would help.
fn held(holders: &[String]) -> String {
    match holders {
        [] => "more are wanted at once".to_owned(),
        holders => format!(
            "those of {} come first: `dns01d status` shows records that should be gone",
            holders.join(", ")
        ),
    }
}

fn method(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Dns01 => "dns-01",
        RecordKind::Account => "dns-account-01",
        RecordKind::Persist => "dns-persist-01",
        RecordKind::Canary => "trials",
    }
}
