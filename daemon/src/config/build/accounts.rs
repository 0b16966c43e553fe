use nix::unistd::{Group, User};

use super::Builder;
use crate::config::{fault::Problem, findings::Location, raw::Word};

#[derive(Debug, thiserror::Error)]
enum AccountProblem {
    #[error("there is no user `{0}` on this machine")]
    NoUser(String),
    #[error("there is no group `{0}` on this machine")]
    NoGroup(String),
    #[error("`{name}` cannot be looked up: {error}")]
    Lookup { name: String, error: nix::errno::Errno },
}

impl Problem for AccountProblem {
    fn help(&self) -> Option<String> {
        match self {
            AccountProblem::NoUser(name) => Some(format!(
                "make it with `useradd --system {name}`, or write a user that exists"
            )),
            AccountProblem::NoGroup(name) => Some(format!(
                "make it with `groupadd --system {name}`, or write a group that exists"
            )),
            AccountProblem::Lookup { .. } => None,
        }
    }
}

impl Builder<'_> {
    /// A user by name or number. A number need not have a name.
    pub fn user(&mut self, location: &Location, name: Option<Word>) -> Option<String> {
        self.account(
            location,
            name,
            |name| User::from_name(name).map(|user| user.is_some()),
            AccountProblem::NoUser,
        )
    }

    /// A group by name or number.
    pub fn group(&mut self, location: &Location, name: Option<Word>) -> Option<String> {
        self.account(
            location,
            name,
            |name| Group::from_name(name).map(|group| group.is_some()),
            AccountProblem::NoGroup,
        )
    }

    fn account(
        &mut self,
        location: &Location,
        name: Option<Word>,
        exists: impl Fn(&str) -> nix::Result<bool>,
        unknown: impl Fn(String) -> AccountProblem,
    ) -> Option<String> {
        let Word(name) = name?;
        if self.looks() && name.parse::<u32>().is_err() {
            match exists(&name) {
                Ok(true) => {}
                Ok(false) => self.findings.value(location, &unknown(name.clone())),
                Err(error) => {
                    self.findings.value(
                        location,
                        &AccountProblem::Lookup {
                            name: name.clone(),
                            error,
                        },
                    );
                }
            }
        }
        Some(name)
    }
}
