//! Certificate signing requests: what finalize accepts (RFC 8555 section 7.4).

use std::collections::BTreeSet;

use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::x509::{X509, X509Req, X509ReqRef};

use super::jwk;
use super::problem::{Problem, ProblemType};

/// A request that was read and found to be signed by its own key.
#[derive(Debug)]
pub(super) struct Csr {
    pub(super) key: PKey<Public>,
    /// Lower case, from the SAN extension.
    names: BTreeSet<String>,
    common_names: Vec<String>,
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemType::BadCsr, detail)
}

impl Csr {
    pub(super) fn parse(der: &[u8]) -> Result<Self, Problem> {
        let request =
            X509Req::from_der(der).map_err(|error| bad(format!("not a PKCS#10 request: {error}")))?;
        let key = request
            .public_key()
            .map_err(|error| bad(format!("public key: {error}")))?;
        if !request.verify(&key).unwrap_or(false) {
            return Err(bad("the signature is not by the key inside"));
        }
        check_key(&key)?;
        let common_names = request
            .subject_name()
            .entries_by_nid(Nid::COMMONNAME)
            .filter_map(|entry| Some(entry.data().to_string().ok()?.to_lowercase()))
            .collect();
        Ok(Csr {
            key,
            names: alternative_names(&request)?,
            common_names,
        })
    }

    /// "The CSR MUST indicate the exact same set of requested identifiers as the initial newOrder
    /// request", in the SAN, in the CN or in both; like Let's Encrypt this CA wants all in the SAN.
    pub(super) fn check_names(&self, ordered: &BTreeSet<String>) -> Result<(), Problem> {
        if let Some(stray) = self.common_names.iter().find(|name| !self.names.contains(*name)) {
            return Err(bad(format!(
                "CN {stray} is not among the subject alternative names"
            )));
        }
        if self.names != *ordered {
            return Err(bad(format!(
                "names {:?} are not those of the order, {ordered:?}",
                self.names
            )));
        }
        Ok(())
    }
}

fn check_key(key: &PKeyRef<Public>) -> Result<(), Problem> {
    let taken = match key.id() {
        Id::RSA => matches!(key.bits(), 2048 | 3072 | 4096),
        _ => jwk::family(key).is_some(),
    };
    if taken {
        Ok(())
    } else {
        Err(bad(
            "key type is not taken: use P-256, P-384 or RSA 2048, 3072, 4096",
        ))
    }
}

fn alternative_names(request: &X509ReqRef) -> Result<BTreeSet<String>, Problem> {
    let Some(names) = alternative_names_of(request)? else {
        return Ok(BTreeSet::new());
    };
    names
        .iter()
        .map(|name| match name.dnsname() {
            Some(dns) => Ok(dns.to_lowercase()),
            None => Err(bad("a subject alternative name is not a DNS name")),
        })
        .collect()
}

/// rust-openssl reads the names of a certificate only, so the request's extensions are put into one.
fn alternative_names_of(
    request: &X509ReqRef,
) -> Result<Option<openssl::stack::Stack<openssl::x509::GeneralName>>, ErrorStack> {
    // an error here means a request without extensions
    let Ok(extensions) = request.extensions() else {
        return Ok(None);
    };
    let mut carrier = X509::builder()?;
    for extension in &extensions {
        carrier.append_extension2(extension)?;
    }
    Ok(carrier.build().subject_alt_names())
}
