//! What is asked for, and whether it was got.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use openssl::{
    pkey::PKey,
    stack::Stack,
    x509::{X509, X509StoreContext, store::X509StoreBuilder},
};

use crate::Failure;

/// A wildcard with its apex: two values at one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its key in the configuration, and the label below the zone.
    pub(crate) label: String,
    apex: String,
}

impl Wanted {
    pub(crate) fn new(label: String, zone: &str) -> Self {
        let apex = format!("{label}.{zone}");
        Wanted { label, apex }
    }

    pub(crate) fn names(&self) -> [String; 2] {
        [format!("*.{}", self.apex), self.apex.clone()]
    }

    /// Where its TXT records are.
    pub(crate) fn challenge_name(&self) -> String {
        format!("_acme-challenge.{}", self.apex)
    }
}

/// Where a client left chain and key.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// Checks the chain up to Pebble's root, the names and the key; returns the serial.
///
/// # Errors
/// Whatever does not hold.
pub(crate) fn verify(files: &Files, root_pem: &str, wanted: &Wanted) -> Result<String, Failure> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let certificates = X509::stack_from_pem(&read(&files.chain)?)?;
    let (leaf, others) = certificates
        .split_first()
        .ok_or("the chain file holds no certificate")?;

    let mut store = X509StoreBuilder::new()?;
    store.add_cert(X509::from_pem(root_pem.as_bytes())?)?;
    let mut chain = Stack::new()?;
    for certificate in others {
        chain.push(certificate.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    let (valid, why) = context.init(&store.build(), leaf, &chain, |context| {
        let valid = context.verify_cert()?;
        Ok((valid, context.error()))
    })?;
    let label = &wanted.label;
    if !valid {
        return Err(format!("the chain of {label} does not verify: {why}").into());
    }

    let names: BTreeSet<String> = leaf
        .subject_alt_names()
        .into_iter()
        .flatten()
        .filter_map(|name| name.dnsname().map(str::to_owned))
        .collect();
    if names != BTreeSet::from(wanted.names()) {
        return Err(format!("the certificate of {label} is for {names:?}").into());
    }
    let key = PKey::private_key_from_pem(&read(&files.key)?)?;
    if !leaf.public_key()?.public_eq(&key) {
        return Err(format!("the key of {label} is not that of its certificate").into());
    }
    Ok(leaf.serial_number().to_bn()?.to_hex_str()?.to_string())
}

/// Verifies each, and that no two are the same.
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_all(
    certificates: impl IntoIterator<Item = (Files, Wanted)>,
    root_pem: &str,
) -> Result<usize, Failure> {
    let mut serials = BTreeSet::new();
    let mut count = 0;
    for (files, wanted) in certificates {
        serials.insert(verify(&files, root_pem, &wanted)?);
        count += 1;
    }
    if serials.len() != count {
        return Err("two of the certificates have the same serial".into());
    }
    Ok(count)
}
