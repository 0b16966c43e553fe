use std::collections::BTreeMap;

use super::Builder;
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        option_source::{ConfiguredOption, ConfiguredValue},
        yaml::Tree,
    },
    secret::Secret,
};

/// Environment variables of one instance.
#[derive(Default)]
pub(super) struct Environment {
    pub plain: BTreeMap<String, String>,
    /// Those that come from where a secret comes from, or are one.
    pub secret: Vec<ConfiguredOption>,
}

#[derive(Debug, thiserror::Error)]
enum EnvironmentProblem {
    #[error("an environment variable is named with letters, digits and `_` only")]
    Name,
    #[error("the variable `{0}` takes text: a number, `true` and `false` go in quotes")]
    Value(String),
    #[error("the variable `{0}` would change the plugin host before it is confined")]
    Loader(String),
}

impl Problem for EnvironmentProblem {
    fn help(&self) -> Option<String> {
        match self {
            EnvironmentProblem::Loader(_) => Some("remove it".into()),
            EnvironmentProblem::Name | EnvironmentProblem::Value(_) => None,
        }
    }
}

impl Builder<'_> {
    pub(super) fn environment(&mut self, at: &Location, values: BTreeMap<String, Tree>) -> Environment {
        let mut environment = Environment::default();
        for (name, value) in values {
            let location = at.key(&name);
            let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
                // neither the key nor the value is shown: one of them may be a secret
                self.findings.key(at, &EnvironmentProblem::Name);
                continue;
            }
            if name.starts_with("LD_") || name == "GLIBC_TUNABLES" {
                self.findings
                    .key(&location, &EnvironmentProblem::Loader(name.clone()));
            }
            let secret = match value {
                Tree::Map(_) => self.secret(&location, value).map(ConfiguredValue::Secret),
                Tree::Text(text) if !text.contains('\0') => {
                    if !names_secret(&name) {
                        environment.plain.insert(name, text);
                        continue;
                    }
                    if let Err(problem) = self.may_be_inline(&location, &name) {
                        self.findings.value(&location, &problem);
                    }
                    Some(ConfiguredValue::Inline(Secret::new(text)))
                }
                _ => {
                    self.findings
                        .value(&location, &EnvironmentProblem::Value(name.clone()));
                    None
                }
            };
            environment
                .secret
                .extend(secret.map(|value| ConfiguredOption { key: name, value }));
        }
        environment
    }
}

/// True for the name of a variable that programs take a secret from: `AWS_SECRET_ACCESS_KEY`, `CF_Token`,
/// `DB_PASSWORD`; not for one that says where a secret is, `AWS_WEB_IDENTITY_TOKEN_FILE`.
fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let place = [
        "FILE", "PATH", "DIR", "URL", "URI", "ENDPOINT", "ID", "NAME", "TTL", "TIMEOUT",
    ];
    let last = name.rsplit('_').next().unwrap_or_default();
    let secret = [
        "SECRET",
        "TOKEN",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "APIKEY",
        "API_KEY",
        "ACCESS_KEY",
    ];
    !place.contains(&last) && secret.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::names_secret;

    #[test]
    fn a_variable_that_holds_a_secret_is_told_from_one_that_says_where_it_is() {
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "CF_Token",
            "DB_PASSWORD",
            "X_API_KEY",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "OAUTH_TOKEN_URL",
            "SSL_CERT_FILE",
            "HTTP_PROXY",
            "AWS_REGION",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }
}
