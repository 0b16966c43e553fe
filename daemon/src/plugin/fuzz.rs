//! What a plugin's process can say, for the fuzzer and for the tests that run on its corpus.

use dns01_plugin_wire::{FromHost, Greeting, ToHost, encode, read};
use serde::{Serialize, de::DeserializeOwned};

/// Frames one after the other, as the daemon and as the plugin host read them.
pub(crate) fn frames(octets: &[u8]) {
    conversation::<FromHost>(octets);
    conversation::<ToHost>(octets);
    conversation::<Greeting>(octets);
}

/// What was understood is understood the same once more, and a fault never tells what was in the frame.
fn conversation<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(octets: &[u8]) {
    let mut stream = octets;
    loop {
        match read::<T>(&mut stream) {
            Ok(message) => {
                let frame = encode(&message).expect("room");
                assert_eq!(read::<T>(&mut &frame[..]).expect("a message"), message);
            }
            Err(error) => {
                assert!(error.to_string().len() < 200, "{error}");
                return;
            }
        }
    }
}
