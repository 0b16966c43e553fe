//! Which challenge to meet, and what a record says for it.

use jiff::Timestamp;

use super::{Certificate, fault, persist};
use crate::{
    acme::{self, Account, AuthorizationStatus, ChallengeKind, ChallengeStatus},
    issuance::{Challenge, Failure},
    types::{AuthorizationUrl, ChallengeMethod, DnsName, Fault, FaultClass},
};

/// The challenge to meet, of the kind that is wanted most, or `None` when the name is proved already.
pub(super) fn open_challenge(
    account: &Account,
    certificate: &Certificate,
    url: &AuthorizationUrl,
    authorization: &acme::Authorization,
    now: Timestamp,
) -> Result<Option<Challenge>, Failure> {
    let name = authorization
        .identifier()
        .ok_or_else(|| fault::operator("the CA asks to prove something that is no DNS name".into()))?;
    match authorization.status {
        AuthorizationStatus::Valid => return Ok(None),
        AuthorizationStatus::Pending => {}
        _ => {
            let why = authorization
                .problem()
                .map(|problem| format!(": {problem}"))
                .unwrap_or_default();
            return Err(fault::refused(format!(
                "authorization of {name} is {}{why}",
                authorization.status
            )));
        }
    }
    let wanted = &certificate.challenges;
    let offered = wanted.iter().find_map(|method| {
        let challenge = authorization.challenge(&kind(*method))?;
        Some((*method, challenge))
    });
    let Some((method, challenge)) = offered else {
        let list = |texts: Vec<String>| texts.join(", ");
        return Err(fault::of_ca(Fault::new(
            FaultClass::Operator,
            format!(
                "the CA offers no {} for {name}, only {}: change `challenges` of the certificate",
                list(wanted.iter().map(ToString::to_string).collect()),
                list(
                    authorization
                        .challenges
                        .iter()
                        .map(|challenge| challenge.kind.to_string())
                        .collect()
                ),
            ),
        )));
    };
    let proof = match method {
        ChallengeMethod::DnsPersist01 => persistent(account, challenge, name.name(), certificate, now),
        ChallengeMethod::Dns01 => of_token(account, challenge, "_acme-challenge".to_owned()),
        ChallengeMethod::DnsAccount01 => {
            let prefix = format!("{}._acme-challenge", account.dns_account_label());
            of_token(account, challenge, prefix)
        }
    };
    let proof =
        proof.map_err(|why| fault::refused(format!("the CA's {method} challenge for {name}: {why}")))?;
    Ok(Some(Challenge {
        method,
        identifier: name.name().clone(),
        prefix: proof.prefix,
        authorization: url.clone(),
        url: challenge.url.clone(),
        token: proof.token,
        key_authorization: proof.key_authorization,
        value: proof.value,
        answered: challenge.status != ChallengeStatus::Pending,
        expires: authorization.expires,
    }))
}

/// What a TXT record says, and before which name it stands.
struct Proof {
    prefix: String,
    token: String,
    key_authorization: String,
    value: String,
}

fn of_token(account: &Account, challenge: &acme::Challenge, prefix: String) -> Result<Proof, String> {
    let token = challenge.token.as_ref().ok_or("it has no token")?;
    Ok(Proof {
        prefix,
        token: token.to_string(),
        key_authorization: account.key_authorization(token),
        value: account.dns01_value(token),
    })
}

/// One record serves a name, its wildcard and all below, where any of them is asked for.
fn persistent(
    account: &Account,
    challenge: &acme::Challenge,
    name: &DnsName,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<Proof, String> {
    let wildcard = certificate
        .identifiers
        .iter()
        .any(|identifier| identifier.is_wildcard() && identifier.name() == name);
    let record = account
        .persist_record(challenge, wildcard, persist::end(certificate, now))
        .map_err(|error| error.to_string())?;
    Ok(Proof {
        prefix: acme::PERSIST_LABEL.to_owned(),
        token: String::new(),
        key_authorization: String::new(),
        value: record.to_string(),
    })
}

fn kind(method: ChallengeMethod) -> ChallengeKind {
    match method {
        ChallengeMethod::Dns01 => ChallengeKind::Dns01,
        ChallengeMethod::DnsAccount01 => ChallengeKind::DnsAccount01,
        ChallengeMethod::DnsPersist01 => ChallengeKind::DnsPersist01,
    }
}
