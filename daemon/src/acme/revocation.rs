use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use super::{
    Account, AccountKey, Client, Error, Operation,
    jws::{Payload, Signer},
};
use crate::revocation::RevocationReason;

/// RFC 8555 7.6.
#[derive(Serialize)]
struct Revocation {
    certificate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<u8>,
}

impl Account {
    /// Revokes a certificate (RFC 8555 7.6), in DER, that this account ordered, or for all of
    /// whose names it holds valid authorizations.
    ///
    /// # Errors
    /// [`super::Fault::NotOffered`]; the CA's refusal, which may be
    /// [`Error::is_already_revoked`].
    pub async fn revoke(&self, certificate: &[u8], reason: RevocationReason) -> Result<(), Error> {
        let signer = Signer::Account(self.key(), self.url());
        self.client().revoke(signer, certificate, reason).await
    }
}

impl Client {
    /// A list of revoked certificates in DER, at an address that a certificate names (RFC 5280 4.2.1.13). What it says
    /// is for [`crate::pki::Chain::listed_in`], which also sees who signed it.
    ///
    /// # Errors
    /// When it is not to be had there.
    pub async fn crl(&self, address: &str) -> Result<Vec<u8>, Error> {
        Ok(self.get_elsewhere(Operation::Crl, address).await?.body)
    }

    /// Revokes a certificate, in DER, by its own key, without any account (RFC 8555 7.6).
    ///
    /// # Errors
    /// As [`Account::revoke`].
    pub async fn revoke_with_key(
        &self,
        key: &AccountKey,
        certificate: &[u8],
        reason: RevocationReason,
    ) -> Result<(), Error> {
        self.revoke(Signer::Key(key), certificate, reason).await
    }

    async fn revoke(
        &self,
        signer: Signer<'_>,
        certificate: &[u8],
        reason: RevocationReason,
    ) -> Result<(), Error> {
        let directory = self.directory().await?;
        let url = self.offered(
            Operation::Revocation,
            "revokeCert",
            directory.revoke_cert.as_deref(),
        )?;
        // RFC 5280 5.3.1: the code "SHOULD be absent instead of using the unspecified (0) reasonCode value"
        let reason = Some(reason.code()).filter(|code| *code != 0);
        let payload = Payload::json(&Revocation {
            certificate: URL_SAFE_NO_PAD.encode(certificate),
            reason,
        });
        self.post(Operation::Revocation, url, signer, payload).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        acme::{
            Retry,
            jws::tests::verify,
            stub_ca::{Answer, StubCa},
        },
        pki::{KeyType, PrivateKey},
    };

    #[test]
    fn reasons_have_the_names_and_numbers_of_rfc_5280() {
        for reason in RevocationReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert_eq!(RevocationReason::ALL.map(RevocationReason::code), [0, 1, 3, 4, 5]);
        let error = "keyCompromise".parse::<RevocationReason>().expect_err("not one");
        assert!(error.to_string().contains("key-compromise"), "{error}");
    }

    #[tokio::test]
    async fn rfc8555_7_6_an_account_revokes_under_its_address_and_a_key_under_itself() {
        let ca = StubCa::start(|_| Answer::new(200, "")).await;
        let account = ca.account();
        account
            .revoke(b"DER", RevocationReason::Superseded)
            .await
            .expect("revoked");
        account
            .revoke(b"DER", RevocationReason::Unspecified)
            .await
            .expect("revoked");
        let key = PrivateKey::generate(KeyType::Ed25519).expect("a key");
        let key = AccountKey::of_certificate(&key).expect("a key that signs");
        ca.client()
            .revoke_with_key(&key, b"DER", RevocationReason::KeyCompromise)
            .await
            .expect("revoked");
        let seen = ca.seen();
        assert_eq!(seen[0].payload, json!({"certificate": "REVS", "reason": 4}));
        assert_eq!(seen[1].payload, json!({"certificate": "REVS"}));
        assert_eq!(seen[2].payload, json!({"certificate": "REVS", "reason": 1}));
        assert_eq!(seen[0].header["kid"], account.url().as_str());
        assert!(seen[2].header.get("kid").is_none() && seen[2].header["jwk"]["crv"] == "Ed25519");
        assert!(verify(&key, &seen[2].jws));
        assert!(seen.iter().all(|seen| seen.path == "/revoke"));
    }

    #[tokio::test]
    async fn rfc8555_7_6_a_certificate_that_was_revoked_before_is_told_apart() {
        let ca = StubCa::start(|_| Answer::problem(400, "alreadyRevoked")).await;
        let error = ca
            .account()
            .revoke(b"DER", RevocationReason::Superseded)
            .await
            .expect_err("again");
        assert!(error.is_already_revoked(), "{error}");
        assert_eq!(error.retry(), Retry::Never);
    }
}
