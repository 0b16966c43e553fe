//! Keys by hand: what signs requests, and requests for certificates.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;
use openssl::stack::Stack;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509Name, X509Req};
use serde_json::{Value, json};

/// P-256, P-384 or RSA.
pub struct Key(pub PKey<Private>);

impl Key {
    pub fn generate() -> Self {
        Self::on(Nid::X9_62_PRIME256V1)
    }

    pub fn p384() -> Self {
        Self::on(Nid::SECP384R1)
    }

    pub fn rsa(bits: u32) -> Self {
        Key(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap())
    }

    fn on(curve: Nid) -> Self {
        let group = EcGroup::from_curve_name(curve).unwrap();
        Key(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    /// The bytes of a coordinate; `None` for RSA.
    fn length(&self) -> Option<i32> {
        self.0.ec_key().ok().map(|key| key.group().degree() as i32 / 8)
    }

    pub fn alg(&self) -> &'static str {
        match self.length() {
            Some(32) => "ES256",
            Some(_) => "ES384",
            None => "RS256",
        }
    }

    pub fn jwk(&self) -> Value {
        let Some(length) = self.length() else {
            let rsa = self.0.rsa().unwrap();
            let number = |number: &BigNumRef| B64.encode(number.to_vec());
            return json!({ "e": number(rsa.e()), "kty": "RSA", "n": number(rsa.n()) });
        };
        let ec = self.0.ec_key().unwrap();
        let mut context = BigNumContext::new().unwrap();
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        ec.public_key()
            .affine_coordinates(ec.group(), &mut x, &mut y, &mut context)
            .unwrap();
        let coordinate = |number: &BigNumRef| B64.encode(number.to_vec_padded(length).unwrap());
        let curve = if length == 32 { "P-256" } else { "P-384" };
        json!({ "crv": curve, "kty": "EC", "x": coordinate(&x), "y": coordinate(&y) })
    }

    pub fn sign(&self, header: &Value, payload: &str) -> String {
        let (protected, payload) = (B64.encode(header.to_string()), B64.encode(payload));
        let input = format!("{protected}.{payload}");
        let signature = match self.length() {
            Some(length) => {
                let digest = if length == 32 {
                    MessageDigest::sha256()
                } else {
                    MessageDigest::sha384()
                };
                let digest = hash(digest, input.as_bytes()).unwrap();
                let signature = EcdsaSig::sign(&digest, &self.0.ec_key().unwrap()).unwrap();
                let part = |number: &BigNumRef| number.to_vec_padded(length).unwrap();
                [part(signature.r()), part(signature.s())].concat()
            }
            None => {
                let mut signer = Signer::new(MessageDigest::sha256(), &self.0).unwrap();
                signer.sign_oneshot_to_vec(input.as_bytes()).unwrap()
            }
        };
        flattened(&protected, &payload, &signature)
    }

    pub fn dns_01(&self, token: &str) -> String {
        let jwk = self.jwk();
        // the members are in the order that RFC 7638 wants
        let thumbprint = B64.encode(sha256(jwk.to_string().as_bytes()));
        B64.encode(sha256(format!("{token}.{thumbprint}").as_bytes()))
    }
}

/// A JWS under a MAC key (RFC 8555 section 7.3.4).
pub fn mac(key: &[u8], digest: MessageDigest, header: &Value, payload: &Value) -> Value {
    let (protected, payload) = (B64.encode(header.to_string()), B64.encode(payload.to_string()));
    let mut signer = Signer::new(digest, &*PKey::hmac(key).unwrap()).unwrap();
    let signature = signer
        .sign_oneshot_to_vec(format!("{protected}.{payload}").as_bytes())
        .unwrap();
    serde_json::from_str(&flattened(&protected, &payload, &signature)).unwrap()
}

fn flattened(protected: &str, payload: &str, signature: &[u8]) -> String {
    json!({ "protected": protected, "payload": payload, "signature": B64.encode(signature) }).to_string()
}

/// A request for `names`, signed by `signer` and carrying `key`.
pub fn csr(
    key: &PKey<Private>,
    signer: &PKey<Private>,
    common_name: Option<&str>,
    names: &[&str],
) -> Vec<u8> {
    let mut builder = X509Req::builder().unwrap();
    let mut subject = X509Name::builder().unwrap();
    if let Some(name) = common_name {
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    }
    builder.set_subject_name(&subject.build()).unwrap();
    builder.set_pubkey(key).unwrap();
    let mut alternative = SubjectAlternativeName::new();
    for name in names {
        alternative.dns(name);
    }
    if !names.is_empty() {
        let extension = alternative.build(&builder.x509v3_context(None)).unwrap();
        let mut extensions = Stack::new().unwrap();
        extensions.push(extension).unwrap();
        builder.add_extensions(&extensions).unwrap();
    }
    builder.sign(signer, MessageDigest::sha256()).unwrap();
    builder.build().to_der().unwrap()
}
