//! A certificate by the crate acme2, with an RSA account key, the only kind that it can sign with.

use std::time::Duration;

use acme2::{
    AccountBuilder, AuthorizationStatus, ChallengeStatus, Csr, DirectoryBuilder, OrderBuilder, OrderStatus,
};
use dns01_peers::{Errand, Failure};

const POLL: Duration = Duration::from_millis(100);
const POLLS: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let errand = Errand::from_command_line()?;
    let root = reqwest::Certificate::from_pem(&std::fs::read(&errand.root)?)?;
    let http = reqwest::Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(root)
        .no_proxy()
        .build()?;
    let directory = DirectoryBuilder::new(errand.directory_url.clone())
        .http_client(http)
        .build()
        .await?;
    let account = AccountBuilder::new(directory)
        .contact(vec!["mailto:operator@example.test".to_owned()])
        .terms_of_service_agreed(true)
        .build()
        .await?;
    let mut builder = OrderBuilder::new(account);
    for name in &errand.names {
        builder.add_dns_identifier(name.clone());
    }
    let order = builder.build().await?;

    let mut challenges = Vec::new();
    for authorization in order.authorizations().await? {
        let challenge = authorization.get_challenge("dns-01").ok_or("no dns-01")?;
        let value = challenge.key_authorization_encoded()?.ok_or("no token")?;
        errand.publish(&authorization.identifier.value, &value)?;
        challenges.push((authorization, challenge));
    }
    for (authorization, challenge) in challenges {
        let challenge = challenge.validate().await?.wait_done(POLL, POLLS).await?;
        if challenge.status != ChallengeStatus::Valid {
            return Err(format!("challenge: {challenge:?}").into());
        }
        let authorization = authorization.wait_done(POLL, POLLS).await?;
        if authorization.status != AuthorizationStatus::Valid {
            return Err(format!("authorization: {authorization:?}").into());
        }
    }
    let order = order.wait_ready(POLL, POLLS).await?;
    let key = acme2::gen_ec_p256_private_key()?;
    let order = order.finalize(Csr::Automatic(key.clone())).await?;
    let order = order.wait_done(POLL, POLLS).await?;
    if order.status != OrderStatus::Valid {
        return Err(format!("order: {order:?}").into());
    }
    let chain = order.certificate().await?.ok_or("no certificate")?;
    let (leaf, rest) = chain.split_first().ok_or("an empty chain")?;
    errand.write("leaf.pem", leaf.to_pem()?)?;
    let mut intermediates = Vec::new();
    for certificate in rest {
        intermediates.extend(certificate.to_pem()?);
    }
    errand.write("intermediates.pem", intermediates)?;
    errand.withdraw()
}
