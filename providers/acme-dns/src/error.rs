//! What can go wrong, whose fault it is, and what to do.

use dns01_plugin_api::Class;
use dns01_provider_http as http;

use crate::account::AccountFault;

/// A refusal by the server, or an account that is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request failed below or beside the server's own words.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// Nothing was set up for the name.
    #[error(
        "there is no account for {domain} at {server}: run `dns01d provider setup INSTANCE {domain}` and add \
         the CNAME that it prints, or give an account that exists as option `accounts`"
    )]
    NoAccount {
        /// What is validated.
        domain: String,
        /// Host of the API.
        server: String,
    },
    /// The CNAME is missing, or leads to another place.
    #[error("{} `{cname}`", delegation(.challenge_name, .leads_to))]
    NotDelegated {
        /// Where the CA looks first.
        challenge_name: String,
        /// Where the CNAMEs from there end.
        leads_to: String,
        /// The record to add.
        cname: String,
    },
    /// 401 `forbidden`
    #[error(
        "{server} refuses the account of {fulldomain} (HTTP 401, forbidden): it does not know it, the password \
         is another, or this machine's address is not in the networks that the account allows; its log says \
         which. An account is good at the server that made it and nowhere else"
    )]
    Forbidden {
        /// Who answered.
        server: String,
        /// Which account.
        fulldomain: String,
    },
    /// 400 `bad_subdomain`
    #[error(
        "{server} does not take the subdomain of {fulldomain} (HTTP 400, bad_subdomain): correct the account"
    )]
    BadSubdomain {
        /// Who answered.
        server: String,
        /// Which account.
        fulldomain: String,
    },
    /// 400 `bad_txt`
    #[error(
        "{server} does not take a value of {len} characters (HTTP 400, bad_txt): acme-dns publishes dns-01 \
         values alone, which have 43 letters, digits, `-` and `_`"
    )]
    BadTxt {
        /// Who answered.
        server: String,
        /// Characters of the value.
        len: usize,
    },
    /// 400 `invalid_allowfrom_cidr`
    #[error(
        "{server} does not take the networks of option `allow-from` (HTTP 400, invalid_allowfrom_cidr): \
         correct them"
    )]
    BadNetwork {
        /// Who answered.
        server: String,
    },
    /// 404 or 405 for `/register`
    #[error(
        "{server} makes no accounts (HTTP {status}): registration is switched off there \
         (disable_registration), or `server` is not the address of its API; give an account that its \
         administrator made as option `accounts`"
    )]
    NoRegistration {
        /// Who answered.
        server: String,
        /// HTTP status.
        status: u16,
    },
    /// Another refusal, with the server's words.
    #[error("{refusal} (it says: {said})")]
    Refused {
        /// By status.
        refusal: http::Error,
        /// Its words.
        said: String,
    },
    /// An update had success, and not what acme-dns answers then: a proxy's page while the server restarts, it
    /// may be.
    #[error(
        "{server} answers, but not as acme-dns does: it is tried again; if it stays so, correct `server`, or see \
         what answers there in its place"
    )]
    NotAcmeDns {
        /// Who answered.
        server: String,
    },
    /// The same, or HTTP 404, where an operator waits for the answer: in a check or a setup.
    #[error(
        "{server} answers, but not as acme-dns does (HTTP {status}): correct `server`, or see what answers there \
         in its place"
    )]
    WrongServer {
        /// Who answered.
        server: String,
        /// HTTP status.
        status: u16,
    },
    /// An account came that cannot be used.
    #[error("{server} made an account that cannot be used: {fault}")]
    BadAccount {
        /// Who answered.
        server: String,
        /// Why not.
        fault: AccountFault,
    },
    /// The account was made, and is lost when this process ends.
    #[error(
        "{fulldomain} was made for {domain}, but the daemon could not keep it: {source}. Add no CNAME yet; put \
         that right and run the setup again: where this process has ended by then, another account is made, \
         and this one is of no use and no harm"
    )]
    NotKept {
        /// What is validated.
        domain: String,
        /// The account's name.
        fulldomain: String,
        /// What the host says.
        source: dns01_plugin_api::Error,
    },
    /// The accounts kept by the host cannot be read.
    #[error("the accounts kept by the daemon ({key}) cannot be read: {source}")]
    Unread {
        /// Key of the state.
        key: String,
        /// What the host says, or what is wrong with the text.
        source: dns01_plugin_api::Error,
    },
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) | Self::Refused { refusal: error, .. } => error.class(),
            Self::NoAccount { .. }
            | Self::NotDelegated { .. }
            | Self::BadSubdomain { .. }
            | Self::BadNetwork { .. }
            | Self::NoRegistration { .. }
            | Self::WrongServer { .. } => Class::Config,
            Self::NotAcmeDns { .. } => Class::Transient,
            Self::Forbidden { .. } => Class::Auth,
            Self::BadTxt { .. } | Self::BadAccount { .. } => Class::Permanent,
            Self::NotKept { source, .. } | Self::Unread { source, .. } => source.class(),
        }
    }

    /// Whether an update may have been carried out all the same.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(
                error,
                http::Error::Insecure { .. }
                    | http::Error::Request
                    | http::Error::Unresolved { .. }
                    | http::Error::Connect { .. }
                    | http::Error::Untrusted { .. }
                    | http::Error::Tls { .. }
            ),
            Self::Refused { .. } | Self::NotAcmeDns { .. } => true,
            _ => false,
        }
    }

    /// Nothing that follows in this call could go better.
    pub(crate) fn ends_call(&self) -> bool {
        match self {
            Self::Http(error) => error.ends_call(),
            Self::Refused { refusal, .. } => refusal.ends_call(),
            Self::Unread { .. } => true,
            _ => false,
        }
    }

    /// HTTP status.
    fn native_code(&self) -> Option<i32> {
        match self {
            Self::Forbidden { .. } => Some(401),
            Self::BadSubdomain { .. } | Self::BadTxt { .. } | Self::BadNetwork { .. } => Some(400),
            Self::NoRegistration { status, .. } | Self::WrongServer { status, .. } => {
                Some(i32::from(*status))
            }
            _ => None,
        }
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let said = error.to_string();
        let native_code = error.native_code();
        // class, status and wait of the cause, under our words
        let cause = match error {
            Error::Http(inner) => return inner.into(),
            Error::Refused { refusal, .. } => refusal.into(),
            Error::NotKept { source, .. } | Error::Unread { source, .. } => source,
            other => Self::new(other.class(), String::new()),
        };
        let converted =
            Self::new(cause.class(), said).with_native_code(native_code.unwrap_or(cause.native_code()));
        match cause.retry_after() {
            Some(wait) => converted.with_retry_after(wait),
            None => converted,
        }
    }
}

/// What is wrong about the chain, and what to do about it.
fn delegation(challenge_name: &str, leads_to: &str) -> String {
    if challenge_name == leads_to {
        format!("{challenge_name} does not lead to its account: add this record to the zone:")
    } else {
        format!("{challenge_name} leads to {leads_to} and not to its account: put this record in its place:")
    }
}
