use std::time::Duration;

use super::Builder;
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        near::nearest,
        raw::{self, Text},
    },
    types::ChallengeMethod,
};

/// It is looked at daily, and replaced when a third of it is left: two looks may fail.
const SHORTEST_STANDING: Duration = Duration::from_secs(9 * 86_400);

#[derive(Debug, thiserror::Error)]
enum ChallengeProblem {
    #[error("no challenge is left to prove names with")]
    None,
    #[error("`{0}` is listed twice")]
    Repeated(ChallengeMethod),
    #[error("`{0}` proves a name through a server that the CA reaches, and dns01d runs none")]
    NotDns(String),
    #[error("a standing record has to be good for at least 9 days")]
    StandingLifetime,
    #[error("no challenge of this certificate has a standing record")]
    NoStanding,
    #[error("`{text}` is no challenge")]
    Unknown {
        text: String,
        near: Option<&'static str>,
    },
}

impl Problem for ChallengeProblem {
    fn help(&self) -> Option<String> {
        match self {
            ChallengeProblem::None => Some(format!("write {}, or leave it out for `dns-01`", known())),
            ChallengeProblem::Repeated(_) => Some("remove one of the two: the first is preferred".into()),
            ChallengeProblem::NotDns(_) => Some(format!(
                "write {}: a wildcard can be proved through DNS only",
                known()
            )),
            ChallengeProblem::StandingLifetime => {
                Some("it is looked at daily and replaced when a third of that time is left".into())
            }
            ChallengeProblem::NoStanding => Some("remove it, or add `dns-persist-01` to `challenges`".into()),
            ChallengeProblem::Unknown { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            ChallengeProblem::Unknown { near: None, .. } => Some(format!("write {}", known())),
        }
    }
}

impl Builder<'_> {
    /// The challenges in the order of their preference; `None` for a fault.
    pub(super) fn challenges(&mut self, at: &Location, texts: &[Text]) -> Option<Vec<ChallengeMethod>> {
        if texts.is_empty() && !self.findings.is_shortened(at) {
            self.findings.key(at, &ChallengeProblem::None);
        }
        let mut methods: Vec<(ChallengeMethod, Location)> = Vec::new();
        for (index, Text(text)) in texts.iter().enumerate() {
            let location = at.index(index);
            let Ok(method) = text.parse::<ChallengeMethod>() else {
                self.findings.value(&location, &unknown(text));
                continue;
            };
            match methods.iter().find(|(known, _)| *known == method) {
                Some((_, first)) => {
                    let problem = ChallengeProblem::Repeated(method);
                    self.findings
                        .conflict(&location, first, "first given here", &problem);
                }
                None => methods.push((method, location)),
            }
        }
        (!methods.is_empty()).then(|| methods.into_iter().map(|(method, _)| method).collect())
    }

    /// How long a standing record is good.
    pub(super) fn standing_lifetime(
        &mut self,
        at: &Location,
        raw::Duration(lifetime): raw::Duration,
    ) -> Duration {
        if lifetime < SHORTEST_STANDING {
            self.findings.value(at, &ChallengeProblem::StandingLifetime);
        }
        lifetime
    }

    /// What is said of standing records has to mean one.
    pub(super) fn have_standing(&mut self, at: &Location, challenges: Option<&[ChallengeMethod]>) {
        if challenges.is_some_and(|known| !known.contains(&ChallengeMethod::DnsPersist01)) {
            self.findings.warn(at, &ChallengeProblem::NoStanding);
        }
    }
}

fn unknown(text: &str) -> ChallengeProblem {
    // another letter away from a challenge of ours, and yet no typing error
    if ["http-01", "tls-alpn-01", "tls-sni-01"].contains(&text) {
        return ChallengeProblem::NotDns(text.to_owned());
    }
    ChallengeProblem::Unknown {
        text: text.to_owned(),
        near: nearest(text, ChallengeMethod::ALL.map(ChallengeMethod::as_str)),
    }
}

fn known() -> String {
    let known = ChallengeMethod::ALL.map(|method| format!("`{method}`"));
    format!("one or more of {}", known.join(", "))
}
