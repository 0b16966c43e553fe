//! Which root a chain leads to.

use std::path::Path;

use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{X509, X509StoreContext, store::X509StoreBuilder},
};

use crate::pki::Chain;

/// SHA-256 of the root that a chain leads to, among the system's trust roots and those in `file` (PEM); `None` when
/// none of them is its root. Reads the system's roots: tens of milliseconds.
pub(super) fn root_sha256(chain: &Chain, file: Option<&Path>) -> Option<[u8; 32]> {
    let more = file.and_then(|file| std::fs::read(file).ok());
    let more = more.and_then(|pem| X509::stack_from_pem(&pem).ok());
    of(chain, more.unwrap_or_default()).ok().flatten()
}

fn of(chain: &Chain, more: Vec<X509>) -> Result<Option<[u8; 32]>, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store.set_default_paths()?;
    for root in more {
        store.add_cert(root)?;
    }
    let store = store.build();
    let certificates = X509::stack_from_pem(chain.fullchain_pem().as_bytes())?;
    let Some((leaf, rest)) = certificates.split_first() else {
        return Ok(None);
    };
    let mut intermediates = Stack::new()?;
    for certificate in rest {
        intermediates.push(certificate.clone())?;
    }
    let root = X509StoreContext::new()?.init(&store, leaf, &intermediates, |context| {
        let trusted = context.verify_cert()?;
        let root = context
            .chain()
            .filter(|_| trusted)
            .and_then(|chain| chain.iter().last())
            .map(|root| root.to_der());
        root.transpose()
    })?;
    Ok(root.map(|der| openssl::sha::sha256(&der)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{
        KeyType, PrivateKey,
        test_ca::{Leaf, TestCa},
    };

    #[test]
    fn a_root_that_is_not_in_the_chain_is_found_in_a_file() {
        let root = TestCa::root("Root");
        let issuer = root.intermediate("Issuer");
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        let leaf = issuer.issue(
            &key,
            &Leaf {
                names: &["a.test"],
                serial: 7,
                not_before: 0,
                not_after: 4_000_000_000,
            },
        );
        let chain = Chain::parse(&format!("{leaf}{}", issuer.pem())).expect("a chain");
        assert_eq!(root_sha256(&chain, None), None, "the system does not know it");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("root.pem");
        std::fs::write(&file, root.pem()).expect("written");
        assert_eq!(root_sha256(&chain, Some(&file)), Some(root.sha256()));
    }
}
