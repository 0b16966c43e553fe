//! What a shared library exports and how its memory is mapped, from the file alone (elf(5), 64 bit).
//!
//! The file is the tester's input and may be anything: every offset is checked.

use std::{fs, io, path::Path};

const HEADER: usize = 64;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_GNU_STACK: u32 = 0x6474_e551;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const SYMBOL: usize = 24;
const SHN_UNDEF: u16 = 0;
const SHN_ABS: u16 = 0xfff1;
const DT_TEXTREL: u64 = 22;
const DT_FLAGS: u64 = 30;
const DF_TEXTREL: u64 = 4;
/// What linkers export of themselves.
const LINKER: [&str; 5] = ["_init", "_fini", "_edata", "_end", "__bss_start"];

/// A shared library, as far as it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elf {
    /// Symbols that others can see, sorted; `None` where the file does not tell.
    pub exports: Option<Vec<String>>,
    /// A segment is writable and executable.
    pub writable_code: bool,
    /// The stack has to be executable for it.
    pub executable_stack: bool,
    /// Its code is changed when it is loaded.
    pub text_relocations: bool,
}

/// Reads a library. Blocks on the disk.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for what is no 64-bit little-endian ELF file, or one that is cut short.
pub(super) fn read(path: &Path) -> io::Result<Elf> {
    parse(&fs::read(path)?).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(file: &[u8]) -> Option<Elf> {
    let header = file.get(..HEADER)?;
    if header[..6] != *b"\x7fELF\x02\x01" {
        return None;
    }
    let mut elf = Elf {
        // without a note the loader has to assume it
        executable_stack: true,
        ..Elf::default()
    };
    for segment in table(file, 32, 54, 56)? {
        let (kind, flags) = (u32_at(segment, 0)?, u32_at(segment, 4)?);
        match kind {
            PT_LOAD => elf.writable_code |= flags & (PF_X | PF_W) == PF_X | PF_W,
            PT_GNU_STACK => elf.executable_stack = flags & PF_X != 0,
            PT_DYNAMIC => {
                let content = part(file, u64_at(segment, 8)?, u64_at(segment, 32)?)?;
                elf.text_relocations = content.as_chunks::<16>().0.iter().any(|entry| {
                    let (tag, value) = (u64_at(entry, 0), u64_at(entry, 8).unwrap_or(0));
                    tag == Some(DT_TEXTREL) || tag == Some(DT_FLAGS) && value & DF_TEXTREL != 0
                });
            }
            _ => {}
        }
    }
    let sections = table(file, 40, 58, 60)?;
    let symbols = sections
        .iter()
        .find(|section| u32_at(section, 4) == Some(SHT_DYNSYM));
    if let Some(symbols) = symbols {
        let content = part(file, u64_at(symbols, 24)?, u64_at(symbols, 32)?)?;
        let names = sections.get(u32_at(symbols, 40)? as usize)?;
        let names = part(file, u64_at(names, 24)?, u64_at(names, 32)?)?;
        let mut exports = Vec::new();
        for symbol in content.as_chunks::<SYMBOL>().0 {
            if is_exported(symbol) {
                exports.push(text(names, u32_at(symbol, 0)? as usize)?);
            }
        }
        exports.retain(|name| !LINKER.contains(&name.as_str()));
        exports.sort_unstable();
        elf.exports = Some(exports);
    }
    Some(elf)
}

fn is_exported(symbol: &[u8; SYMBOL]) -> bool {
    let (binding, visibility) = (symbol[4] >> 4, symbol[5] & 3);
    let section = u16::from_le_bytes([symbol[6], symbol[7]]);
    // global, weak, unique; default, protected; the names of versions are absolute
    matches!(binding, 1 | 2 | 10) && matches!(visibility, 0 | 3) && !matches!(section, SHN_UNDEF | SHN_ABS)
}

/// The entries of a header table whose offset, entry size and count stand at these places.
fn table(file: &[u8], offset: usize, size: usize, count: usize) -> Option<Vec<&[u8]>> {
    let start = u64_at(file, offset)?;
    let (size, count) = (u16_at(file, size)?, u16_at(file, count)?);
    if count == 0 {
        return Some(Vec::new());
    }
    let whole = part(file, start, u64::from(size) * u64::from(count))?;
    (size >= 56).then(|| whole.chunks_exact(usize::from(size)).collect())
}

fn part(file: &[u8], start: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    file.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

fn text(names: &[u8], at: usize) -> Option<String> {
    let rest = names.get(at..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_program_of_this_machine_can_be_read() {
        let own = std::env::current_exe().expect("a file");
        let elf = read(&own).expect("an ELF file");
        assert!(
            !elf.writable_code && !elf.executable_stack && !elf.text_relocations,
            "{elf:?}"
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut file = b"\x7fELF\x02\x01".to_vec();
            file.extend(&bytes);
            let _ = (parse(&file), parse(&bytes));
        }
    }
}
