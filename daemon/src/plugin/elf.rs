//! The first bytes of a library: is it one, and for this machine?
//!
//! The dynamic loader would find out too, but says `cannot open shared object file` or
//! `wrong ELF class`, which tells an operator little.

/// Bytes of the header that are looked at.
pub const HEADER: usize = 20;

const MAGIC: &[u8] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE: u8 = 1;
/// e_type of a shared library.
const ET_DYN: u16 = 3;

/// Machines that people have: e_machine and its usual name.
const MACHINES: &[(u16, &str)] = &[
    (3, "i386"),
    (8, "mips"),
    (20, "ppc"),
    (21, "ppc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElfFault {
    /// Not ELF, or cut short.
    NotElf,
    /// ELF, but a program or an object file.
    NotLibrary,
    /// For another machine; its name.
    Machine(String),
}

/// Looks at the header of a library.
///
/// # Errors
/// Why the dynamic loader would refuse it.
pub fn check(header: &[u8]) -> Result<(), ElfFault> {
    if header.len() < HEADER || !header.starts_with(MAGIC) {
        return Err(ElfFault::NotElf);
    }
    let half = |at: usize| {
        let bytes = [header[at], header[at + 1]];
        if header[5] == LITTLE {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    };
    let machine = half(18);
    let name = MACHINES.iter().find(|(number, _)| *number == machine);
    let name = name.map_or_else(|| format!("machine {machine}"), |(_, name)| (*name).to_owned());
    if name != std::env::consts::ARCH {
        return Err(ElfFault::Machine(name));
    }
    if header[4] != CLASS_64 || header[5] != LITTLE {
        return Err(ElfFault::Machine(format!("{name} with another data model")));
    }
    if half(16) == ET_DYN {
        Ok(())
    } else {
        Err(ElfFault::NotLibrary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(machine: u16, kind: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(machine.to_le_bytes());
        bytes
    }

    #[test]
    fn another_machine_is_named() {
        let (ours, other) = if cfg!(target_arch = "aarch64") {
            (183, 62)
        } else {
            (62, 183)
        };
        assert_eq!(check(&header(ours, 3)), Ok(()));
        assert_eq!(check(&header(ours, 2)), Err(ElfFault::NotLibrary));
        let name = if other == 183 { "aarch64" } else { "x86_64" };
        assert_eq!(check(&header(other, 3)), Err(ElfFault::Machine(name.to_owned())));
        assert_eq!(
            check(&header(9999, 3)),
            Err(ElfFault::Machine("machine 9999".to_owned()))
        );
    }

    #[test]
    fn what_is_short_or_no_elf_is_told_so() {
        for bytes in [
            &b""[..],
            b"\x7fELF",
            b"#!/bin/sh\necho hello world\n",
            &header(62, 3)[..19],
        ] {
            assert_eq!(check(bytes), Err(ElfFault::NotElf), "{bytes:?}");
        }
    }
}
