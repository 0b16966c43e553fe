//! A certificate by the crate instant-acme, bound to an external account, and its replacement as RFC 9773 has it.
//! The external account is in the environment: `EAB_KID`, and the MAC key itself as `EAB_KEY`.

use std::env;

use dns01_peers::{Errand, Failure};
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, ExternalAccountKey, Identifier,
    NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// One that the lab's CA has.
const PROFILE: &str = "tlsserver";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let errand = Errand::from_command_line()?;
    let external = ExternalAccountKey::new(env::var("EAB_KID")?, env::var("EAB_KEY")?.as_bytes());
    let wish = NewAccount {
        contact: &["mailto:operator@example.test"],
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, _) = Account::builder_with_root(&errand.root)?
        .create(&wish, errand.directory_url.clone(), Some(&external))
        .await?;
    if !account.profiles().any(|profile| profile.name == PROFILE) {
        return Err(format!("the directory does not show profile {PROFILE}").into());
    }
    let first = certificate(&account, &errand, None).await?;

    let der = CertificateDer::from_pem_slice(first.as_bytes())?;
    let id = CertificateIdentifier::try_from(&der)?;
    let (info, again) = account.renewal_info(&id).await?;
    println!(
        "renewal from {} to {}, ask again in {} s",
        info.suggested_window.start,
        info.suggested_window.end,
        again.as_secs()
    );
    let second = certificate(&account, &errand, Some(id)).await?;
    let leaf_end = second
        .find("-----BEGIN CERTIFICATE-----\n")
        .map_or(0, |at| at + 1);
    let rest = second[leaf_end..]
        .find("-----BEGIN CERTIFICATE-----")
        .ok_or("the chain is the leaf alone")?;
    let (leaf, intermediates) = second.split_at(leaf_end + rest);
    errand.write("leaf.pem", leaf)?;
    errand.write("intermediates.pem", intermediates)
}

async fn certificate(
    account: &Account,
    errand: &Errand,
    replaces: Option<CertificateIdentifier<'_>>,
) -> Result<String, Failure> {
    let identifiers: Vec<Identifier> = errand.names.iter().cloned().map(Identifier::Dns).collect();
    let mut wish = NewOrder::new(&identifiers).profile(PROFILE);
    if let Some(replaced) = replaces {
        wish = wish.replaces(replaced);
    }
    let mut order = account.new_order(&wish).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::Dns01).ok_or("no dns-01")?;
        let name = challenge.identifier().to_string();
        errand.publish(&name, &challenge.key_authorization().dns_value())?;
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&RetryPolicy::default()).await?;
    if status != OrderStatus::Ready {
        return Err(format!("the order is {status:?}").into());
    }
    order.finalize().await?;
    let chain = order.poll_certificate(&RetryPolicy::default()).await?;
    errand.withdraw()?;
    Ok(chain)
}
