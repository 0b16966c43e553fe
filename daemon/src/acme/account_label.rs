//! The label that keeps one account's proofs apart from another's
//! (draft-ietf-acme-dns-account-label 3.1).

use openssl::sha::sha256;

use crate::types::AccountUrl;

/// RFC 4648 6, in lower case.
const ALPHABET: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
/// Octets of the hash that are used: sixteen characters of five bits.
const OCTETS: usize = 10;

/// `_` and the base32 of the first ten octets of the SHA-256 of the account's address. The name
/// that holds the proof is this, `._acme-challenge.` and the name to be proved.
pub fn account_label(account: &AccountUrl) -> String {
    let hash = sha256(account.as_str().as_bytes());
    let bits = hash[..OCTETS]
        .iter()
        .fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let character = |shift: usize| char::from(ALPHABET[(bits >> shift) as usize & 31]);
    std::iter::once('_')
        .chain((0..OCTETS * 8).step_by(5).rev().map(character))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_account_label_3_1_the_example_has_its_label() {
        let account: AccountUrl = "https://example.com/acme/acct/ExampleAccount"
            .parse()
            .expect("an address");
        assert_eq!(account_label(&account), "_ujmmovf2vn55tgye");
    }
}
