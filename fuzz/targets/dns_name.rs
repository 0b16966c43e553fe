#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dns01d::fuzz::dns_name(octets));
