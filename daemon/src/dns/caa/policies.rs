//! Looking up the relevant set of a name (RFC 8659 3), where the CA will.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use psl::Type;

use super::Property;
use crate::{
    dns::{
        LocateError, ResolverError,
        answer::Answer,
        authority::{self, Verdict},
        cache::{Cache, Timed},
        locate::Locator,
        location::{MAX_ALIASES, MAX_REFERRALS},
        question::{Kind, Question},
    },
    types::DnsName,
};

/// Names with more labels are not climbed: nobody has a certificate for one.
const MAX_LABELS: usize = 32;
/// More records than any sensible set has. A larger one is not evaluated.
const MAX_RECORDS: usize = 200;
/// Levels that are asked about at once: most often all there are, so that a climb takes one round trip.
const AT_ONCE: usize = 8;
/// Within one attempt nothing is asked twice; what the cache allows in all is shorter.
const WHILE_IT_LASTS: Duration = Duration::from_secs(3600);

/// The policies of names, each level asked once. Made for one attempt: the next one sees what was corrected.
#[derive(Debug)]
pub struct Policies {
    locator: Arc<Locator>,
    levels: Cache<DnsName, Level, CaaError>,
}

/// What holds for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The zone that the name itself lies in, where a server of it was asked.
    pub zone: Option<DnsName>,
    /// The relevant set; `None` when there is no CAA record from the name to the top.
    pub set: Option<RelevantSet>,
}

/// The CAA records that count for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelevantSet {
    /// Where they are: at the name, above it, or where a CNAME there leads.
    pub owner: DnsName,
    /// At least one.
    pub properties: Vec<Property>,
}

/// Why the policy of a name is not known. A CA that sees the same refuses (RFC 8659 6.3 lets it do no other).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaaError {
    /// Nobody who serves the name could be found or answered.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// A set beyond every sensible size.
    #[error("caa of {owner}: {count} records; more than {MAX_RECORDS} are not looked at")]
    TooMany {
        /// Where they are.
        owner: DnsName,
        /// How many.
        count: usize,
    },
    /// A name beyond every sensible depth.
    #[error("caa of {name}: it has more than {MAX_LABELS} labels, which are not climbed")]
    TooDeep {
        /// The name.
        name: DnsName,
    },
}

impl From<ResolverError> for CaaError {
    fn from(error: ResolverError) -> Self {
        CaaError::Locate(error.into())
    }
}

/// What there is at one name.
#[derive(Clone, Debug)]
struct Level {
    zone: Option<DnsName>,
    set: Option<RelevantSet>,
}

/// What one server says of one name.
enum Said {
    Alias(DnsName),
    Records {
        zone: Option<DnsName>,
        found: Vec<Property>,
    },
}

impl Policies {
    pub(in crate::dns) fn new(locator: Arc<Locator>) -> Self {
        Policies {
            locator,
            levels: Cache::new(),
        }
    }

    /// What holds for `name`, for a wildcard the name without `*.`. The levels are asked about at once, and the first
    /// one with records decides, whatever those above it say.
    ///
    /// # Errors
    /// When a level that counts could not be looked up.
    pub async fn of(&self, name: &DnsName) -> Result<Policy, CaaError> {
        if name.labels().count() > MAX_LABELS {
            return Err(CaaError::TooDeep { name: name.clone() });
        }
        let climb = std::iter::successors(Some(name.clone()), DnsName::parent);
        let mut levels = stream::iter(climb)
            .map(|domain| self.level(domain))
            .buffered(AT_ONCE);
        let mut zone = None;
        while let Some(level) = levels.next().await {
            let level = level?;
            zone = zone.or(level.zone);
            if level.set.is_some() {
                return Ok(Policy { zone, set: level.set });
            }
        }
        Ok(Policy { zone, set: None })
    }

    async fn level(&self, domain: DnsName) -> Result<Level, CaaError> {
        let (locator, name) = (Arc::clone(&self.locator), domain.clone());
        self.levels
            .get(domain, || {
                Box::pin(
                    async move { Ok::<Timed<Level>, _>((look_up(&locator, name).await?, WHILE_IT_LASTS)) },
                )
            })
            .await
    }
}

/// The records at `name`, aliases followed (RFC 8659 3: "chasing aliases"); what lies above a target is not asked.
async fn look_up(locator: &Locator, name: DnsName) -> Result<Level, CaaError> {
    let mut chain = Vec::new();
    let mut owner = name;
    loop {
        match ask(locator, &owner).await? {
            Said::Records { zone, found } => {
                return Ok(Level {
                    // the target's zone is another matter
                    zone: zone.filter(|_| chain.is_empty()),
                    set: relevant(owner, found)?,
                });
            }
            Said::Alias(target) => {
                chain.push(std::mem::replace(&mut owner, target));
                let known = chain.contains(&owner);
                if known || chain.len() > MAX_ALIASES {
                    chain.push(owner);
                    let error = match known {
                        true => LocateError::AliasLoop { chain },
                        false => LocateError::AliasChain { chain },
                    };
                    return Err(error.into());
                }
            }
        }
    }
}

fn relevant(owner: DnsName, properties: Vec<Property>) -> Result<Option<RelevantSet>, CaaError> {
    match properties.len() {
        0 => Ok(None),
        1..=MAX_RECORDS => Ok(Some(RelevantSet { owner, properties })),
        count => Err(CaaError::TooMany { owner, count }),
    }
}

async fn ask(locator: &Locator, name: &DnsName) -> Result<Said, CaaError> {
    let visibility = locator.zones.visibility(name);
    let is_indirect = visibility.is_some_and(|(_, visibility)| visibility.is_indirect());
    if is_indirect || is_public(name) && !locator.zones.is_configured(name) {
        return ask_resolver(locator, name).await;
    }
    match ask_authorities(locator, name).await {
        // nobody has heard of anything there
        Err(LocateError::NoZone { .. }) => Ok(Said::Records {
            zone: None,
            found: Vec::new(),
        }),
        other => Ok(other?),
    }
}

/// What a registry serves, and no certificate is for. Its operator is nobody who would wait for a cache.
fn is_public(name: &DnsName) -> bool {
    let suffix = psl::suffix(name.as_str().as_bytes());
    suffix.is_some_and(|suffix| suffix == name.as_str() && suffix.typ() != Some(Type::Private))
}

async fn ask_resolver(locator: &Locator, name: &DnsName) -> Result<Said, CaaError> {
    let question = Question::recursive(name.clone(), Kind::Caa);
    let answer = locator
        .zones
        .resolvers()
        .ask(&question, &challenges_of(name)?)
        .await?;
    Ok(Said::Records {
        zone: None,
        found: answer.caa(&answer.canonical(name)),
    })
}

async fn ask_authorities(locator: &Locator, name: &DnsName) -> Result<Said, LocateError> {
    let off_limits = challenges_of(name)?;
    let mut zone = locator.zones.holding(name, &off_limits).await?;
    let start = zone.apex.clone();
    for _ in 0..=MAX_REFERRALS {
        let asked = zone.apex.clone();
        let judge = |answer: Answer| {
            let verdict = authority::read(&answer, &asked, name, zone.configured)?;
            Ok((verdict, answer.caa(name)))
        };
        match locator.ask(&zone, name, Kind::Caa, judge).await? {
            (Verdict::Here { apex }, found) => {
                return Ok(Said::Records {
                    zone: Some(apex),
                    found,
                });
            }
            (
                Verdict::Alias {
                    target: Ok(target), ..
                },
                _,
            ) => return Ok(Said::Alias(target)),
            (
                Verdict::Alias {
                    target: Err(target), ..
                },
                _,
            ) => {
                let name = name.clone();
                return Err(LocateError::AliasTarget { name, target });
            }
            (Verdict::Delegated(referral), _) => {
                let (apex, hosts) = (referral.apex, referral.hosts);
                zone = locator.zones.delegated(apex, hosts, &off_limits).await?;
            }
        }
    }
    Err(LocateError::TooManyReferrals {
        zone: start,
        name: name.clone(),
    })
}

/// The name that no resolver may hear of while `name` itself is looked up.
fn challenges_of(name: &DnsName) -> Result<DnsName, LocateError> {
    let challenges = name.child("_acme-challenge");
    // a name without room for a challenge is nobody's
    challenges.map_err(|_| LocateError::NoZone { name: name.clone() })
}

/// As in a zone file: `example.org. IN CAA 0 issue "ca.example"; ...`, of many the first few.
impl fmt::Display for RelevantSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        for (place, property) in self.properties.iter().take(SHOWN).enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "`{}. IN CAA {property}`", self.owner)?;
        }
        match self.properties.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
