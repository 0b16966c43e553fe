//! Against packets of BIND's dig, and the laws that hold for every message.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "c2VjcmV0IG9mIHRoZSB0ZXN0IGtleQ==";

/// `dig -y ALGORITHM:Test.Key.example:SECRET example.org SOA` of BIND 9.18, as it came
/// in, and the time in it.
const DIG: [(Algorithm, u64, &str); 4] = [
    (
        Algorithm::HmacSha224,
        0x6b04_c839,
        "b3fa01200001000000000001076578616d706c65036f726700000600010474657374036b6579076578616d706c65\
         0000fa00ff0000000000390b686d61632d7368613232340000006b04c839012c001c59cf9a4ce775551dc771778f\
         42da21fbedfdb53d157cf7ace0c00ef5b3fa00000000",
    ),
    (
        Algorithm::HmacSha256,
        0x6b04_c83a,
        "a63d01200001000000000001076578616d706c65036f726700000600010474657374036b6579076578616d706c65\
         0000fa00ff00000000003d0b686d61632d7368613235360000006b04c83a012c0020993f49a48cbc3ce47956b6c0\
         aaaf113845918c740adf01f2c25470a609b7ab37a63d00000000",
    ),
    (
        Algorithm::HmacSha384,
        0x6b04_c83b,
        "a90601200001000000000001076578616d706c65036f726700000600010474657374036b6579076578616d706c65\
         0000fa00ff00000000004d0b686d61632d7368613338340000006b04c83b012c00307e090b3ffda62cfb748377dc\
         93b2f11808bdbaa0c54f3ac1dfefaa199b6616a2a052c59235c79025f98212331cfc450da90600000000",
    ),
    (
        Algorithm::HmacSha512,
        0x6b04_c83c,
        "e80f01200001000000000001076578616d706c65036f726700000600010474657374036b6579076578616d706c65\
         0000fa00ff00000000005d0b686d61632d7368613531320000006b04c83c012c0040489901c6253d5b6bb50ba36b\
         39a228ea327aba226dcd0864039e269def05fa176aa5726a1f3c66e88f03d09212cfae3b1e0dd68a2b2bbb5c7436\
         9f018fa7cddee80f00000000",
    ),
];

const NOW: u64 = 1_800_000_000;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex"))
        .collect()
}

fn key(algorithm: Algorithm) -> Key {
    Key::from_base64("Test.Key.example.", algorithm, SECRET).expect("a good key")
}

/// A query for `example.org SOA`.
fn query() -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(b"\x07example\x03org\x00\x00\x06\x00\x01");
    message
}

/// The answer NOTAUTH to it.
fn notauth() -> Vec<u8> {
    let mut message = query();
    message[2..4].copy_from_slice(&[0x81, RCODE_NOTAUTH]);
    message
}

#[test]
fn packets_of_dig_verify_and_ours_are_the_same_bytes() {
    for (algorithm, time, hex) in DIG {
        let packet = bytes(hex);
        let keys = [key(algorithm)];
        let verified = verify_request(&keys, &packet, time + 299).expect("dig signs rightly");
        assert_eq!(verified.key.name(), "Test.Key.example");
        let (own, mac) = keys[0]
            .sign_request(&verified.message, time)
            .expect("it can be signed");
        assert_eq!((own, mac), (packet, verified.mac), "{algorithm}");
    }
}

#[test]
fn a_response_is_bound_to_its_request() {
    for algorithm in Algorithm::ALL {
        let keys = [key(algorithm)];
        let (request, mac) = keys[0].sign_request(&query(), NOW).expect("signs");
        let verified = verify_request(&keys, &request, NOW).expect("verifies");
        assert_eq!(verified.message, query());
        let response = keys[0]
            .sign_response(&verified.mac, &notauth(), NOW + 1)
            .expect("signs");
        assert_eq!(
            keys[0].verify_response(&mac, &response, NOW).expect("verifies"),
            notauth()
        );

        let (_, other) = keys[0].sign_request(&query(), NOW + 1).expect("signs");
        let fault = keys[0]
            .verify_response(&other, &response, NOW)
            .expect_err("another request");
        assert!(matches!(fault, ResponseFault::BadMac), "{fault}");
    }
}

#[test]
fn an_unknown_key_or_algorithm_is_badkey_unsigned() {
    let ours = key(Algorithm::HmacSha256);
    let (request, mac) = ours.sign_request(&query(), NOW).expect("signs");
    let renamed = Key::new("other", Algorithm::HmacSha256, b"secret of the test key").expect("a good key");
    for keys in [vec![], vec![renamed], vec![key(Algorithm::HmacSha512)]] {
        let fault = verify_request(&keys, &request, NOW).expect_err("not our key");
        assert!(matches!(fault, RequestFault::BadKey { .. }), "{fault}");
        let reply = fault.reply(&notauth()).expect("replies").expect("with a record");
        let seen = ours
            .verify_response(&mac, &reply, NOW)
            .expect_err("never a success");
        assert!(
            matches!(seen, ResponseFault::UnsignedError(error_code::BADKEY)),
            "{seen}"
        );
    }
}

#[test]
fn a_wrong_secret_is_badsig_unsigned() {
    let ours = key(Algorithm::HmacSha256);
    let (request, mac) = ours.sign_request(&query(), NOW).expect("signs");
    let theirs = [Key::new("test.key.example", Algorithm::HmacSha256, b"another").expect("a good key")];
    let fault = verify_request(&theirs, &request, NOW).expect_err("another secret");
    assert!(
        matches!(&fault, RequestFault::BadSig { key, .. } if key == "test.key.example"),
        "{fault}"
    );
    let reply = fault.reply(&notauth()).expect("replies").expect("with a record");
    let seen = ours
        .verify_response(&mac, &reply, NOW)
        .expect_err("never a success");
    assert!(
        matches!(seen, ResponseFault::UnsignedError(error_code::BADSIG)),
        "{seen}"
    );
}

#[test]
fn a_wrong_clock_is_badtime_signed_with_both_times() {
    let keys = [key(Algorithm::HmacSha384)];
    for server in [NOW - 301, NOW + 301] {
        let (request, mac) = keys[0].sign_request(&query(), NOW).expect("signs");
        let fault = verify_request(&keys, &request, server).expect_err("too far");
        let reply = fault.reply(&notauth()).expect("replies").expect("with a record");
        match keys[0].verify_response(&mac, &reply, NOW) {
            Err(ResponseFault::BadTime { ours, theirs }) => assert_eq!((ours, theirs), (NOW, server)),
            other => panic!("{other:?}"),
        }
        // it is signed: a forged one is none
        let stranger = Key::new("test.key.example", Algorithm::HmacSha384, b"x").expect("a good key");
        let seen = stranger
            .verify_response(&mac, &reply, NOW)
            .expect_err("another secret");
        assert!(matches!(seen, ResponseFault::BadMac), "{seen}");
    }
    let (request, _) = keys[0].sign_request(&query(), NOW).expect("signs");
    assert!(
        verify_request(&keys, &request, NOW + 300).is_ok(),
        "the fudge itself is allowed"
    );
}

#[test]
fn a_truncated_mac_is_badtrunc_and_a_stub_is_malformed() {
    let ours = key(Algorithm::HmacSha256);
    let keys = [ours.clone()];
    let tsig = ours.unsigned(&query(), NOW).expect("a message");
    let (_, full) = ours.sign(None, &query(), tsig.clone()).expect("signs");
    let cut = |len: usize| {
        let short = super::record::Tsig {
            mac: full.0[..len].to_vec(),
            ..tsig.clone()
        };
        short.append(&query()).expect("fits")
    };
    let fault = verify_request(&keys, &cut(16), NOW).expect_err("half");
    assert!(matches!(fault, RequestFault::BadTrunc { .. }), "{fault}");
    let reply = fault.reply(&notauth()).expect("replies").expect("with a record");
    let seen = ours
        .verify_response(&Mac(full.0[..16].to_vec()), &reply, NOW)
        .expect_err("an error");
    assert!(
        matches!(seen, ResponseFault::SignedError(error_code::BADTRUNC)),
        "{seen}"
    );
    for len in [0, 9, 15] {
        let fault = verify_request(&keys, &cut(len), NOW).expect_err("less than half");
        assert!(matches!(fault, RequestFault::Malformed(_)), "{len}: {fault}");
        assert!(fault.reply(&notauth()).expect("replies").is_none());
    }
}

#[test]
fn a_client_takes_no_truncated_or_unsigned_or_stale_response() {
    let ours = key(Algorithm::HmacSha256);
    let (_, mac) = ours.sign_request(&query(), NOW).expect("signs");
    let unsigned = ours.verify_response(&mac, &notauth(), NOW).expect_err("unsigned");
    assert!(matches!(unsigned, ResponseFault::Unsigned), "{unsigned}");

    let tsig = ours.unsigned(&notauth(), NOW).expect("a message");
    let (_, full) = ours.sign(Some(&mac), &notauth(), tsig.clone()).expect("signs");
    let short = super::record::Tsig {
        mac: full.0[..16].to_vec(),
        ..tsig
    };
    let short = short.append(&notauth()).expect("fits");
    let seen = ours.verify_response(&mac, &short, NOW).expect_err("truncated");
    assert!(matches!(seen, ResponseFault::BadMac), "{seen}");

    let response = ours.sign_response(&mac, &notauth(), NOW).expect("signs");
    let seen = ours
        .verify_response(&mac, &response, NOW + 301)
        .expect_err("stale");
    assert!(matches!(seen, ResponseFault::Stale { .. }), "{seen}");
}

#[test]
fn any_flipped_bit_is_noticed() {
    let keys = [key(Algorithm::HmacSha256)];
    let (request, mac) = keys[0].sign_request(&query(), NOW).expect("signs");
    let response = keys[0].sign_response(&mac, &notauth(), NOW).expect("signs");
    for at in 0..request.len() * 8 {
        let mut bent = request.clone();
        bent[at / 8] ^= 1 << (at % 8);
        // bit 5 of a letter in a key or algorithm name is its case, which does not
        // count, and the ID is not signed but replaced by the original ID
        if let Ok(verified) = verify_request(&keys, &bent, NOW) {
            assert_eq!(verified.message, query(), "bit {at}");
        }
        let mut bent = response.clone();
        if at / 8 < bent.len() {
            bent[at / 8] ^= 1 << (at % 8);
            if let Ok(message) = keys[0].verify_response(&mac, &bent, NOW) {
                assert_eq!(message, notauth(), "bit {at}");
            }
        }
    }
}

#[test]
fn a_tsig_elsewhere_than_last_is_malformed() {
    let ours = key(Algorithm::HmacSha256);
    let (once, _) = ours.sign_request(&query(), NOW).expect("signs");
    let (twice, _) = ours.sign_request(&once, NOW).expect("signs");
    let keys = [ours];
    assert!(matches!(
        verify_request(&keys, &twice, NOW),
        Err(RequestFault::Malformed(_))
    ));
    let mut behind = once.clone();
    behind.push(0);
    assert!(matches!(
        verify_request(&keys, &behind, NOW),
        Err(RequestFault::Malformed(_))
    ));
    // counted as an answer
    let mut moved = once;
    moved[7] = 1;
    moved[11] = 0;
    assert!(matches!(
        verify_request(&keys, &moved, NOW),
        Err(RequestFault::Malformed(_))
    ));
}

#[test]
fn compressed_names_in_the_signature_are_read() {
    // owner `example.org` as a pointer to the question
    let ours = Key::new("example.org", Algorithm::HmacSha256, b"secret").expect("a good key");
    let (plain, _) = ours.sign_request(&query(), NOW).expect("signs");
    let end = query().len();
    let mut packed = plain[..end].to_vec();
    packed.extend_from_slice(&[0xc0, 12]);
    packed.extend_from_slice(&plain[end + b"\x07example\x03org\x00".len()..]);
    let keys = [ours];
    assert!(verify_request(&keys, &packed, NOW).is_ok());
}

#[test]
fn weak_and_foreign_algorithms_are_refused_with_a_reason() {
    for (name, word) in [
        ("hmac-md5", "broken"),
        ("HMAC-MD5.SIG-ALG.REG.INT.", "broken"),
        ("hmac-sha1", "broken"),
        ("gss-tsig", "Kerberos"),
        ("sha256", "none of"),
    ] {
        let fault = name.parse::<Algorithm>().expect_err(name);
        assert!(fault.to_string().contains(word), "{fault}");
    }
    assert_eq!("HMAC-SHA512.".parse(), Ok(Algorithm::HmacSha512));
}

#[test]
fn keys_are_checked_and_never_shown() {
    let new = |name: &str, secret: &str| Key::from_base64(name, Algorithm::HmacSha256, secret).map(|_| ());
    assert_eq!(new("k", "!"), Err(KeyError::Base64));
    assert_eq!(new("k", ""), Err(KeyError::Empty));
    assert_eq!(new("", SECRET), Err(KeyError::Name));
    assert_eq!(new(".", SECRET), Err(KeyError::Name));
    assert_eq!(new(&"x".repeat(64), SECRET), Err(KeyError::Name));
    assert_eq!(
        new("k", " c2VjcmV0IG9mIHRo\n ZSB0ZXN0IGtleQ== \n"),
        Ok(()),
        "as in a wrapped file"
    );
    assert_eq!(
        format!("{:?}", key(Algorithm::HmacSha256)),
        "Key(Test.Key.example hmac-sha256 ..)"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let keys = [key(Algorithm::HmacSha256)];
        let _ = verify_request(&keys, &message, NOW);
        let _ = keys[0].verify_response(&Mac(vec![0; 32]), &message, NOW);
        let _ = keys[0].sign_request(&message, NOW);
    }

    #[test]
    fn no_bent_signature_makes_it_panic(at in 12usize..120, byte in any::<u8>(), cut in 0usize..140) {
        let keys = [key(Algorithm::HmacSha256)];
        let (mut signed, _) = keys[0].sign_request(&query(), NOW).expect("signs");
        let index = at.min(signed.len() - 1);
        signed[index] = byte;
        signed.truncate(signed.len().min(cut));
        let _ = verify_request(&keys, &signed, NOW);
    }

    #[test]
    fn what_is_signed_comes_back(
        id in any::<u16>(),
        label in "[a-z0-9_-]{1,63}",
        data in proptest::collection::vec(any::<u8>(), 0..200),
        secret in proptest::collection::vec(any::<u8>(), 1..200),
        now in 1_000u64..0xffff_ffff_f000,
        which in 0usize..4,
    ) {
        // one TXT-like record in the additional section
        let mut message = id.to_be_bytes().to_vec();
        message.extend_from_slice(&[0x28, 0, 0, 0, 0, 0, 0, 0, 0, 1, label.len() as u8]);
        message.extend_from_slice(label.as_bytes());
        message.extend_from_slice(&[0, 0, 16, 0, 1, 0, 0, 0, 60]);
        message.extend_from_slice(&(data.len() as u16).to_be_bytes());
        message.extend_from_slice(&data);
        let keys = [Key::new("k.example", Algorithm::ALL[which], &secret).expect("a good key")];
        let (signed, mac) = keys[0].sign_request(&message, now).expect("signs");
        let verified = verify_request(&keys, &signed, now).expect("verifies");
        prop_assert_eq!((&verified.message, &verified.mac), (&message, &mac));
    }
}
