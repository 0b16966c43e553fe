//! The header as a later minor may look: every struct with a size has grown at its end, as S1 allows.

/// The structs that may grow; `dns01_str` may not.
pub const STRUCTS: [&str; 9] = [
    "dns01_call",
    "dns01_record",
    "dns01_result",
    "dns01_option",
    "dns01_host",
    "dns01_option_desc",
    "dns01_provider",
    "dns01_instance_info",
    "dns01_plugin",
];

/// Its minor.
pub const MINOR: u32 = 7;

/// Makes `header` the one of [`MINOR`]: each struct ends with `later` and `later_text`, and `LATER` is defined.
///
/// # Panics
/// If the header no longer has the form that this knows.
pub fn grown(header: &str) -> String {
    let mut text = header.to_owned();
    for name in STRUCTS {
        let (end, check) = (format!("\n}} {name};"), format!("DNS01_SIZE_IS({name}, "));
        assert_eq!(text.matches(&end).count(), 1, "{name}");
        text = text.replace(
            &end,
            &format!("\n  uint64_t later;\n  const char *later_text;{end}"),
        );
        let (before, after) = text.split_once(&check).expect("each struct has its size checked");
        let (size, after) = after.split_once(')').expect("a closed parenthesis");
        let size = size.parse::<u32>().expect("a size") + 16;
        text = format!("{before}{check}{size}){after}");
    }
    let (before, after) = text
        .split_once("#define DNS01_ABI_MINOR ")
        .expect("the header has its minor");
    let (_, after) = after.split_once('\n').expect("more lines");
    format!("{before}#define LATER 1\n#define DNS01_ABI_MINOR {MINOR}u\n{after}")
}
