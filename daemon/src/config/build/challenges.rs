use super::Builder;
use crate::{
    config::{fault::Problem, findings::Location, near::nearest, raw::Text},
    types::ChallengeMethod,
};

#[derive(Debug, thiserror::Error)]
enum ChallengeProblem {
    #[error("no challenge is left to prove names with")]
    None,
    #[error("`{0}` is listed twice")]
    Repeated(ChallengeMethod),
    #[error("`{0}` proves a name through a server that the CA reaches, and dns01d runs none")]
    NotDns(String),
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
