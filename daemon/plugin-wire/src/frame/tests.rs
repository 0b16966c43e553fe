use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::{FromHost, Greeting, Log, Open, OptionEntry, Sensitive, ToHost};

fn open(value: &str) -> ToHost {
    ToHost::Open(Open {
        provider: "p".into(),
        timeout_ms: 1,
        options: vec![OptionEntry {
            key: "k".into(),
            value: Sensitive::new(value.as_bytes().to_vec()),
            secret: true,
        }],
    })
}

#[test]
fn frames_follow_each_other_and_end_in_order() {
    let mut stream = Vec::new();
    write(&mut stream, &Greeting::ours()).expect("room");
    write(&mut stream, &open("quo\"ted\n\u{1F511}")).expect("room");
    let mut stream = Cursor::new(stream);
    assert_eq!(
        read::<Greeting>(&mut stream).expect("a greeting"),
        Greeting::ours()
    );
    match read::<ToHost>(&mut stream).expect("a message") {
        ToHost::Open(open) => assert_eq!(open.options[0].value.bytes(), "quo\"ted\n\u{1F511}".as_bytes()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(read::<ToHost>(&mut stream), Err(FrameError::Closed)));
}

#[test]
fn every_cut_is_told_apart_from_an_orderly_end() {
    let whole = encode(&Greeting::ours()).expect("room");
    for cut in 1..whole.len() {
        let result = read::<Greeting>(&mut Cursor::new(&whole[..cut]));
        assert!(matches!(result, Err(FrameError::Truncated)), "{cut}: {result:?}");
    }
}

#[test]
fn an_oversized_length_is_refused_before_memory_is_taken() {
    let result = read::<Greeting>(&mut Cursor::new(u32::MAX.to_le_bytes()));
    assert!(
        matches!(result, Err(FrameError::TooLong(n)) if n == u32::MAX as usize),
        "{result:?}"
    );
    let log = FromHost::Log(Log {
        level: 1,
        call: None,
        text: "x".repeat(MAX_FRAME),
    });
    assert!(matches!(encode(&log), Err(FrameError::TooLong(_))));
}

#[test]
fn a_malformed_frame_is_reported_without_its_content() {
    for body in [
        &b"{\"open\":{\"provider\":\"hunter2\"}}"[..],
        b"\"hunter2\"",
        b"hunter2",
        b"",
    ] {
        let error = decode::<ToHost>(body).expect_err("not a message");
        assert!(matches!(error, FrameError::Malformed { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_secret_is_not_readable_in_debug_output() {
    assert!(!format!("{:?}", open("hunter2")).contains("hunter2"));
}

#[test]
fn the_buffer_of_a_frame_never_grew() {
    let frame = encode(&open(&"s".repeat(100_000))).expect("room");
    assert_eq!(frame.len(), frame.capacity());
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read::<ToHost>(&mut Cursor::new(&bytes));
        let _ = read::<FromHost>(&mut Cursor::new(&bytes));
        let _ = decode::<FromHost>(&bytes);
    }

    #[test]
    fn any_secret_survives_the_trip(text in "\\PC{0,200}") {
        let frame = encode(&open(&text)).expect("room");
        match read::<ToHost>(&mut Cursor::new(&frame[..])).expect("a message") {
            ToHost::Open(open) => prop_assert_eq!(open.options[0].value.bytes(), text.as_bytes()),
            other => panic!("{other:?}"),
        }
    }
}
