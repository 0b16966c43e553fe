use dns01d::{
    acme::{AccountKey, RevocationReason},
    pki::{KeyType, PrivateKey},
};

use super::stage::{Stage, issue, issue_for, names, register};

#[tokio::test]
async fn rfc8555_7_6_an_account_revokes_its_own_certificates_and_no_others() {
    let stage = Stage::start(|_| ()).await;
    let client = stage.client();
    let (owner, stranger) = (register(&client).await, register(&client).await);
    let chain = issue(&owner, "revoked.example.test").await;
    stranger
        .revoke(chain.der(), RevocationReason::Superseded)
        .await
        .unwrap_err();
    owner
        .revoke(chain.der(), RevocationReason::Superseded)
        .await
        .unwrap();
    let error = owner
        .revoke(chain.der(), RevocationReason::Superseded)
        .await
        .unwrap_err();
    assert!(error.is_already_revoked(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_6_the_key_of_a_certificate_revokes_it_without_an_account() {
    let stage = Stage::start(|_| ()).await;
    let account = register(&stage.client()).await;
    for kind in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Rsa2048] {
        let names = names(&format!("{kind}.example.test"));
        let key = PrivateKey::generate(kind).unwrap();
        let issued = issue_for(&account, names.as_slice().into(), key).await;
        // a client that never had an account
        let client = stage.client();
        let wrong = PrivateKey::generate(kind).unwrap();
        let wrong = AccountKey::of_certificate(&wrong).unwrap();
        let reason = RevocationReason::KeyCompromise;
        client
            .revoke_with_key(&wrong, issued.chain.der(), reason)
            .await
            .unwrap_err();
        let key = AccountKey::of_certificate(&issued.key).unwrap();
        client
            .revoke_with_key(&key, issued.chain.der(), reason)
            .await
            .unwrap();
        let error = client
            .revoke_with_key(&key, issued.chain.der(), reason)
            .await
            .unwrap_err();
        assert!(error.is_already_revoked(), "{kind}: {error}");
    }
}
