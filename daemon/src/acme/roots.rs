//! Which root a chain leads to.

use std::{io, path::Path};

use openssl::{
    error::ErrorStack,
    sha::sha256,
    stack::Stack,
    x509::{
        X509, X509StoreContext,
        store::{X509Store, X509StoreBuilder},
        verify::X509VerifyFlags,
    },
};

use super::{SetupError, transport::read_roots};
use crate::pki::Chain;

/// Roots that chains can be told by: the system's, and those of a CA's `ca-file`.
pub struct Roots(X509Store);

impl Roots {
    /// Takes the system's roots where OpenSSL looks for them, and those of `ca_file`. Where the
    /// system has them in one file that is some 50 ms of CPU, so keep it, and make it off the
    /// runtime's threads.
    ///
    /// # Errors
    /// When `ca_file` cannot be used.
    pub fn open(ca_file: Option<&Path>) -> Result<Self, SetupError> {
        let more = match ca_file {
            None => Vec::new(),
            Some(path) => X509::stack_from_pem(&read_roots(path)?)
                .ok()
                .filter(|roots| !roots.is_empty())
                .ok_or_else(|| SetupError::Roots {
                    path: path.to_owned(),
                })?,
        };
        Self::build(more).map_err(|source| SetupError::ReadRoots {
            path: "of the system".into(),
            source: io::Error::other(source),
        })
    }

    fn build(more: Vec<X509>) -> Result<Self, ErrorStack> {
        let mut builder = X509StoreBuilder::new()?;
        builder.set_default_paths()?;
        for root in more {
            builder.add_cert(root)?;
        }
        // a wrong clock must not change which root a chain has
        builder.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
        Ok(Roots(builder.build()))
    }

    /// SHA-256 of the root that signed the last certificate of `chain`: for
    /// [`crate::pki::choose_by_root`]. `None` when no root here did; a root that is trusted by
    /// others only stays unknown.
    pub fn root_of(&self, chain: &Chain) -> Option<[u8; 32]> {
        let verified = || {
            let mut context = X509StoreContext::new()?;
            let none = Stack::new()?;
            context.init(&self.0, chain.last(), &none, |context| {
                if !context.verify_cert()? {
                    return Ok(None);
                }
                let path = context.chain().and_then(|path| path.iter().last());
                path.map(|root| root.to_der()).transpose()
            })
        };
        let root: Result<Option<Vec<u8>>, ErrorStack> = verified();
        root.ok().flatten().map(|der| sha256(&der))
    }
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Roots(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{
        ChainPreference, Choice, KeyType, PrivateKey, choose_by_root,
        test_ca::{Leaf, TestCa},
    };

    #[test]
    fn a_chain_is_told_by_a_root_that_is_not_in_it() {
        let (root, old_root) = (TestCa::root("Root"), TestCa::root("Old Root"));
        // the same name under another key, as after a renewal of a root
        let namesake = TestCa::root("Root");
        let intermediate = root.intermediate("E1");
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        // long past: its moment does not matter
        let leaf = Leaf {
            names: &["example.org"],
            serial: 1,
            not_before: 1_000_000_000,
            not_after: 1_000_086_400,
        };
        let leaf = intermediate.issue(&key, &leaf);
        let chain = |last: &str| Chain::parse(&format!("{leaf}{last}")).expect("a chain");
        let chains = [
            chain(&intermediate.pem()),
            chain(&old_root.certify(&intermediate)),
            chain(&format!("{}{}", intermediate.pem(), old_root.certify(&root))),
        ];

        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("roots.pem");
        std::fs::write(&file, [namesake.pem(), root.pem(), old_root.pem()].concat()).expect("a file");
        let roots = Roots::open(Some(&file)).expect("roots");
        let (new, old) = (Some(root.sha256()), Some(old_root.sha256()));
        assert_eq!(
            chains.each_ref().map(|chain| roots.root_of(chain)),
            [new, old, old]
        );
        let preference = ChainPreference::RootSha256(old_root.sha256());
        assert_eq!(
            choose_by_root(&chains, &preference, |chain| roots.root_of(chain)),
            Choice {
                index: 1,
                matched: true
            }
        );

        let system = Roots::open(None).expect("roots");
        assert_eq!(system.root_of(&chains[0]), None, "nobody here knows it");
        std::fs::write(&file, "no certificate").expect("a file");
        assert!(matches!(Roots::open(Some(&file)), Err(SetupError::Roots { .. })));
    }
}
