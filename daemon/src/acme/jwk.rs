//! Keys in JSON (RFC 7517): the public half that requests carry, and private ones that other
//! clients keep.

use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use openssl::{
    bn::{BigNum, BigNumContext, BigNumRef},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    nid::Nid,
    pkey::{PKey, PKeyRef, Private},
    rsa::RsaPrivateKeyBuilder,
    sha::sha256,
};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use super::AccountKeyError;
use crate::secret::Secret;

/// A curve of RFC 7518 6.2.1.1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) nid: Nid,
    /// Octets of a coordinate (RFC 7518 6.2.1.2), and of each half of a signature (3.4).
    pub(super) octets: i32,
}

pub(super) const P256: Curve = Curve {
    name: "P-256",
    nid: Nid::X9_62_PRIME256V1,
    octets: 32,
};
pub(super) const P384: Curve = Curve {
    name: "P-384",
    nid: Nid::SECP384R1,
    octets: 48,
};

/// The public half of a key. Members stand in the order that RFC 7638 3.3 hashes them in.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Jwk {
    /// RFC 7518 6.2.1.
    Ec {
        crv: &'static str,
        kty: &'static str,
        x: String,
        y: String,
    },
    /// RFC 7518 6.3.1.
    Rsa { e: String, kty: &'static str, n: String },
    /// RFC 8037 2.
    Ed25519 {
        crv: &'static str,
        kty: &'static str,
        x: String,
    },
}

impl Jwk {
    pub(super) fn ec(key: &PKeyRef<Private>, curve: Curve) -> Result<Self, ErrorStack> {
        let key = key.ec_key()?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        let mut context = BigNumContext::new()?;
        key.public_key()
            .affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        let coordinate = |number: &BigNum| Ok(URL_SAFE_NO_PAD.encode(number.to_vec_padded(curve.octets)?));
        Ok(Jwk::Ec {
            crv: curve.name,
            kty: "EC",
            x: coordinate(&x)?,
            y: coordinate(&y)?,
        })
    }

    pub(super) fn rsa(key: &PKeyRef<Private>) -> Result<Self, ErrorStack> {
        let key = key.rsa()?;
        // RFC 7518 2: "the minimum number of octets", which is what OpenSSL writes
        let number = |number: &BigNumRef| URL_SAFE_NO_PAD.encode(number.to_vec());
        Ok(Jwk::Rsa {
            e: number(key.e()),
            kty: "RSA",
            n: number(key.n()),
        })
    }

    pub(super) fn ed25519(key: &PKeyRef<Private>) -> Result<Self, ErrorStack> {
        Ok(Jwk::Ed25519 {
            crv: "Ed25519",
            kty: "OKP",
            x: URL_SAFE_NO_PAD.encode(key.raw_public_key()?),
        })
    }

    /// RFC 7638.
    pub(super) fn thumbprint(&self) -> String {
        let text = serde_json::to_vec(self).expect("strings are JSON");
        URL_SAFE_NO_PAD.encode(sha256(&text))
    }
}

/// A private key as certbot keeps it in `private_key.json` (RFC 7518 6.2 and 6.3).
#[derive(Deserialize)]
struct PrivateJwk {
    kty: String,
    crv: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    x: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    y: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    n: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    e: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    d: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    p: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    q: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    dp: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    dq: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    qi: Option<Secret>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// Reads a private key; whether its numbers belong together is for OpenSSL to check.
pub(super) fn private_key(json: &Secret) -> Result<PKey<Private>, AccountKeyError> {
    // serde's own words would show values
    let jwk: PrivateJwk = serde_json::from_str(json.expose()).map_err(|_| AccountKeyError::Json)?;
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => jwk.rsa(),
        ("EC", Some("P-256")) => jwk.ec(P256),
        ("EC", Some("P-384")) => jwk.ec(P384),
        _ => Err(AccountKeyError::Kind),
    }
}

impl PrivateJwk {
    fn ec(&self, curve: Curve) -> Result<PKey<Private>, AccountKeyError> {
        let (x, y) = (number("x", self.x.as_ref())?, number("y", self.y.as_ref())?);
        let mut d = number("d", self.d.as_ref())?;
        let group = EcGroup::from_curve_name(curve.nid)?;
        let public = EcKey::from_public_key_affine_coordinates(&group, &x, &y)?;
        let key = EcKey::from_private_components(&group, &d, public.public_key());
        // the key has a copy of its own
        d.clear();
        Ok(PKey::from_ec_key(key?)?)
    }

    fn rsa(&self) -> Result<PKey<Private>, AccountKeyError> {
        let key = RsaPrivateKeyBuilder::new(
            number("n", self.n.as_ref())?,
            number("e", self.e.as_ref())?,
            number("d", self.d.as_ref())?,
        )?
        .set_factors(number("p", self.p.as_ref())?, number("q", self.q.as_ref())?)?
        .set_crt_params(
            number("dp", self.dp.as_ref())?,
            number("dq", self.dq.as_ref())?,
            number("qi", self.qi.as_ref())?,
        )?
        .build();
        Ok(PKey::from_rsa(key)?)
    }
}

/// Base64urlUInt (RFC 7518 2), with the padding that some write.
fn number(member: &'static str, text: Option<&Secret>) -> Result<BigNum, AccountKeyError> {
    let missing = || AccountKeyError::Member(member);
    let text = text.ok_or_else(missing)?.expose();
    let octets = if text.ends_with('=') {
        URL_SAFE.decode(text)
    } else {
        URL_SAFE_NO_PAD.decode(text)
    };
    let octets = Zeroizing::new(octets.map_err(|_| missing())?);
    Ok(BigNum::from_slice(&octets)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_a_known_key_is_right() {
        // the key of RFC 7517 A.1; the hash was made outside OpenSSL
        let jwk = Jwk::Ec {
            crv: "P-256",
            kty: "EC",
            x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4".into(),
            y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM".into(),
        };
        assert_eq!(jwk.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn rfc7638_3_1_the_example_has_its_thumbprint() {
        let jwk = Jwk::Rsa {
            e: "AQAB".into(),
            kty: "RSA",
            n: concat!(
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_",
                "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_",
                "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI",
                "4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
            )
            .into(),
        };
        assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn rfc8037_a_3_the_example_has_its_thumbprint() {
        let jwk = Jwk::Ed25519 {
            crv: "Ed25519",
            kty: "OKP",
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
        };
        assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
