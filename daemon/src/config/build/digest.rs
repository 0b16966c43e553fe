/// A SHA-256 as `sha256sum` prints it.
pub(super) fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A SHA-256 as `openssl x509 -fingerprint` prints it too: with colons.
pub(super) fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let colons = text.len() == 95 && text.bytes().skip(2).step_by(3).all(|byte| byte == b':');
    if colons {
        digest(&text.replace(':', ""))
    } else {
        digest(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_its_colons() {
        let plain = "0f".repeat(32);
        let colons = vec!["0F"; 32].join(":");
        assert_eq!(fingerprint(&plain), Some([0x0f; 32]));
        assert_eq!(fingerprint(&colons), Some([0x0f; 32]));
        for wrong in ["", &plain[1..], &colons[1..], &"0F0:".repeat(16), &"é".repeat(32)] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}
