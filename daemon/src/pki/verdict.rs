use openssl::error::ErrorStack;

/// Whether a signature is right, by what OpenSSL answered.
///
/// A wrong one leaves its reason in the thread's error queue, also where OpenSSL says just "no"; the next read of a TLS
/// connection on that thread would find it there and end. So the queue is emptied.
pub(super) fn is_right(verified: Result<bool, ErrorStack>) -> bool {
    let right = matches!(verified, Ok(true));
    drop(ErrorStack::get());
    right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{
        Chain, KeyType, PrivateKey,
        test_ca::{Leaf, TestCa},
    };

    #[test]
    fn a_wrong_signature_leaves_nothing_for_the_next_user_of_the_thread() {
        let (root, other) = (TestCa::root("Root"), TestCa::root("Root"));
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        let leaf = root.issue(
            &key,
            &Leaf {
                names: &["a.test"],
                serial: 7,
                not_before: 0,
                not_after: 4_000_000_000,
            },
        );
        let chain = Chain::parse(&format!("{leaf}{}", other.pem())).expect("a chain");
        chain
            .verify(&key.public(), &["a.test".parse().expect("a name")])
            .expect_err("not its issuer");
        assert!(ErrorStack::get().errors().is_empty());
    }
}
