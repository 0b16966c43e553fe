//! AWS's Signature Version 4 of a request: moto does not look at it.
//!
//! Written here and not shared with the SDK under test: two ends with one bug would agree.

use axum::http::{HeaderMap, Method, Uri};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;

use super::Reply;

const ALGORITHM: &str = "AWS4-HMAC-SHA256 ";

/// A static access key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Key {
    /// What Route 53 answers to a request that this key did not sign.
    pub(super) fn refuse(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Reply> {
        let authorization = header(headers, "authorization");
        let signed = authorization
            .strip_prefix(ALGORITHM)
            .and_then(|parts| Some((part(parts, "Credential=")?, part(parts, "SignedHeaders=")?, parts)));
        let Some((credential, signed_headers, parts)) = signed else {
            let words = "Request is missing Authentication Token";
            return Some(Reply::error(403, "MissingAuthenticationToken", words));
        };
        let (id, scope) = credential.split_once('/').unwrap_or((credential, ""));
        if id != self.id {
            let words = "The security token included in the request is invalid.";
            return Some(Reply::error(403, "InvalidClientTokenId", words));
        }
        let canonical = canonical(method, uri, headers, signed_headers, body);
        let right = self.sign(header(headers, "x-amz-date"), scope, &canonical);
        (part(parts, "Signature=") != Some(right.as_str())).then(|| {
            let words = "The request signature we calculated does not match the signature you provided. Check \
                         your AWS Secret Access Key and signing method.";
            Reply::error(403, "SignatureDoesNotMatch", words)
        })
    }

    fn sign(&self, date: &str, scope: &str, canonical: &str) -> String {
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = scope
            .split('/')
            .fold(first, |key, part| hmac(&key, part.as_bytes()));
        let text = format!(
            "{}\n{date}\n{scope}\n{}",
            ALGORITHM.trim_end(),
            hex(&sha256(canonical.as_bytes()))
        );
        hex(&hmac(&key, text.as_bytes()))
    }
}

/// The request in the one form in which both ends hash it.
fn canonical(method: &Method, uri: &Uri, headers: &HeaderMap, signed: &str, body: &[u8]) -> String {
    // what stands in the request is encoded once, and signed encoded twice
    let path = uri.path().replace('%', "%25");
    let mut query: Vec<(&str, &str)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let lines: String = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", header(headers, name)))
        .collect();
    let body = hex(&sha256(body));
    format!("{method}\n{path}\n{}\n{lines}\n{signed}\n{body}", query.join("&"))
}

fn part<'a>(parts: &'a str, name: &str) -> Option<&'a str> {
    parts.split(',').find_map(|part| part.trim().strip_prefix(name))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("any bytes are a key");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("OpenSSL has SHA-256");
    signer.sign_oneshot_to_vec(text).expect("OpenSSL hashes")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test suite that AWS publishes for the algorithm, `get-vanilla-query-order-key-case`.
    #[test]
    fn the_example_of_aws_is_signed_as_they_sign_it() {
        let key = |secret: &str| Key {
            id: "AKIDEXAMPLE".to_owned(),
            secret: secret.to_owned(),
        };
        let good = key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let headers = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, \
                 Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ];
        let headers: HeaderMap = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let uri: Uri = "/?Param2=value2&Param1=value1".parse().unwrap();
        let refused = |key: &Key, body: &[u8]| key.refuse(&Method::GET, &uri, &headers, body);
        assert!(refused(&good, b"").is_none());
        for (key, body) in [(&good, "other".as_bytes()), (&key("other"), b"")] {
            assert!(refused(key, body).unwrap().body.contains("SignatureDoesNotMatch"));
        }
        let other = Key {
            id: "AKIDOTHER".to_owned(),
            ..good
        };
        assert!(
            refused(&other, b"")
                .unwrap()
                .body
                .contains("InvalidClientTokenId")
        );
    }
}
