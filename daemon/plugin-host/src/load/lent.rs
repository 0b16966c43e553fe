//! Structs and buffers that the host lends to the plugin.
//!
//! In service they are ordinary memory. In a trial ([`Structs`]) they have the sizes of another minor, and
//! end where the process may not read: a plugin that touches more than `struct_size` (S2) dies of it.

use std::ptr::NonNull;

use dns01_plugin_api::abi::AbiStruct;
use dns01_plugin_wire::Structs;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// What a later minor might append to a struct.
const APPENDED: usize = 64;
/// The largest page of any machine that Linux runs on, so a multiple of this one's.
const PAGE: usize = 64 << 10;

/// A struct that the plugin is lent.
#[derive(Debug)]
pub struct Lent<T: AbiStruct> {
    place: Place,
    at: NonNull<T>,
    /// Bytes that the plugin is told of.
    told: usize,
}

#[derive(Debug)]
enum Place {
    Boxed,
    Fenced(Fenced),
}

impl<T: AbiStruct> Lent<T> {
    /// Lends `value`, with the `struct_size` that goes with `structs`.
    pub fn new(value: T, structs: Structs) -> Lent<T> {
        let told = match structs {
            Structs::Ours => {
                return Lent {
                    place: Place::Boxed,
                    at: NonNull::from(Box::leak(Box::new(value))),
                    told: size_of::<T>(),
                };
            }
            Structs::Larger => size_of::<T>() + APPENDED,
            Structs::Smallest => T::FLOOR as usize,
        };
        let fenced = Fenced::new(told);
        let at = fenced.start().cast::<T>();
        // SAFETY: `told` bytes are writable there, and no more than that are copied from `value`; what lies
        // behind it stays zero, which is "absent". The sizes of the ABI are multiples of 8, so both are aligned.
        unsafe {
            let known = told.min(size_of::<T>());
            std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), at.as_ptr().cast(), known);
            at.cast::<u32>().write(told as u32);
        }
        Lent {
            place: Place::Fenced(fenced),
            at,
            told,
        }
    }

    /// For the plugin; holds until this is dropped.
    pub fn pointer(&self) -> *mut T {
        self.at.as_ptr()
    }

    /// What is there now; what does not fit into the plugin's view of it reads as zero.
    pub fn get(&self) -> T {
        let mut copy = std::mem::MaybeUninit::<T>::zeroed();
        let known = self.told.min(size_of::<T>());
        // SAFETY: `known` bytes are readable here and writable there; `AbiStruct` promises that zeroes are
        // valid, and every pattern of bytes is, the fields being integers and raw pointers.
        unsafe {
            std::ptr::copy_nonoverlapping(self.at.as_ptr().cast::<u8>(), copy.as_mut_ptr().cast(), known);
            copy.assume_init()
        }
    }

    /// True unless a trial saw the plugin write what is not its own: `struct_size`, or fields that its minor
    /// does not have.
    pub fn is_respected(&self) -> bool {
        let Place::Fenced(fenced) = &self.place else {
            return true;
        };
        let bytes = fenced.bytes();
        let size = bytes[..4] == (self.told as u32).to_ne_bytes();
        size && bytes[size_of::<T>().min(self.told)..]
            .iter()
            .all(|byte| *byte == 0)
    }
}

impl<T: AbiStruct> Drop for Lent<T> {
    fn drop(&mut self) {
        if matches!(self.place, Place::Boxed) {
            // SAFETY: it came from a box, and nothing else frees it.
            drop(unsafe { Box::from_raw(self.at.as_ptr()) });
        }
    }
}

/// A buffer that the plugin may write text into.
#[derive(Debug)]
pub enum Buffer {
    /// Ordinary memory.
    Own(Box<[u8]>),
    /// Ends where nothing may be written.
    Fenced(Fenced),
}

impl Buffer {
    /// `length` zeroes, behind which nothing is written unnoticed in a trial.
    pub fn new(length: usize, structs: Structs) -> Buffer {
        match structs {
            Structs::Ours => Buffer::Own(vec![0; length].into_boxed_slice()),
            Structs::Larger | Structs::Smallest => Buffer::Fenced(Fenced::new(length)),
        }
    }

    /// For the plugin; holds until this is dropped.
    pub fn pointer(&mut self) -> *mut u8 {
        match self {
            Buffer::Own(bytes) => bytes.as_mut_ptr(),
            Buffer::Fenced(fenced) => fenced.start().as_ptr(),
        }
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Buffer::Own(bytes) => bytes,
            Buffer::Fenced(fenced) => fenced.bytes(),
        }
    }
}

/// Zeroed memory that ends at a page which may not be touched.
#[derive(Debug)]
pub struct Fenced {
    pages: NonNull<u8>,
    mapped: usize,
    length: usize,
}

impl Fenced {
    fn new(length: usize) -> Fenced {
        let room = length.next_multiple_of(PAGE);
        let mapped = room + PAGE;
        // SAFETY: a new private mapping where the kernel likes it; its last page is closed before anybody has
        // a pointer to it.
        let pages = unsafe {
            let pages = mmap_anonymous(
                std::ptr::null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            );
            let pages = pages.expect("memory for a struct under test").cast::<u8>();
            mprotect(pages.add(room).cast(), PAGE, MprotectFlags::empty()).expect("a page can be closed");
            NonNull::new(pages).expect("a mapping is never at 0")
        };
        Fenced {
            pages,
            mapped,
            length,
        }
    }

    fn start(&self) -> NonNull<u8> {
        // SAFETY: `length` is at most the part of the mapping before its closed page.
        unsafe { self.pages.add(self.mapped - PAGE - self.length) }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `length` readable bytes that live as long as the mapping; nobody writes them while the
        // plugin is not called.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.length) }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and what pointed into it lived no longer.
        let _ = unsafe { munmap(self.pages.as_ptr().cast(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use dns01_plugin_api::abi::{Call, InstanceInfo, Record};

    use super::*;

    #[test]
    fn each_size_tells_what_it_is_and_keeps_the_values() {
        for (structs, size) in [
            (Structs::Ours, size_of::<Call>()),
            (Structs::Larger, size_of::<Call>() + APPENDED),
            (Structs::Smallest, 32),
        ] {
            let call = Call {
                struct_size: size_of::<Call>() as u32,
                attempt: 1,
                call_id: 7,
                timeout_ms: 1000,
                cancel_fd: -1,
                reserved0: 0,
            };
            let lent = Lent::new(call, structs);
            assert_eq!(lent.get().struct_size as usize, size, "{structs:?}");
            assert_eq!((lent.get().call_id, lent.get().cancel_fd), (7, -1), "{structs:?}");
            assert!(lent.is_respected(), "{structs:?}");
        }
    }

    #[test]
    fn a_write_behind_the_known_fields_is_seen() {
        let lent = Lent::new(InstanceInfo::default(), Structs::Larger);
        // SAFETY: inside of what was allocated.
        unsafe { lent.pointer().add(1).cast::<u8>().write(1) };
        assert!(!lent.is_respected());
    }

    #[test]
    fn the_byte_behind_the_smallest_struct_is_in_another_mapping() {
        let lent = Lent::new(InstanceInfo::default(), Structs::Smallest);
        let end = lent.pointer().addr() + <InstanceInfo as AbiStruct>::FLOOR as usize;
        assert_eq!(end % PAGE.min(4096), 0);
        assert_eq!(<Record as AbiStruct>::FLOOR % 8, 0);
    }
}
