//! Reading and writing structs whose size the other side decided (S2).

use std::mem::MaybeUninit;

use super::{Call, Host, InstanceInfo, OptionDesc, OptionValue, Plugin, Provider, Record, ResultSlot};

/// A struct that begins with its `struct_size`.
///
/// # Safety
/// The type is `repr(C)`, its first field is `struct_size: u32`, and every byte
/// pattern of zeroes is a valid value for each field, so that a field absent on
/// the other side can read as zero, NULL or empty.
pub unsafe trait AbiStruct: Copy {
    /// `struct_size` of ABI 1.0: nothing smaller is accepted, for ever.
    const FLOOR: u32;
    /// For messages: the name in the header.
    const NAME: &'static str;
}

/// Declares a struct of the header with its size in ABI 1.0.
macro_rules! sized {
    ($($type:ident $name:literal $floor:literal;)*) => {$(
        // SAFETY: repr(C), struct_size first; integers, raw pointers, `Str` and
        // optional functions are all valid as zeroes.
        unsafe impl AbiStruct for $type {
            const FLOOR: u32 = $floor;
            const NAME: &'static str = $name;
        }
    )*};
}

sized! {
    Call "dns01_call" 32;
    Record "dns01_record" 144;
    ResultSlot "dns01_result" 48;
    OptionValue "dns01_option" 40;
    Host "dns01_host" 64;
    OptionDesc "dns01_option_desc" 32;
    Provider "dns01_provider" 48;
    InstanceInfo "dns01_instance_info" 64;
    Plugin "dns01_plugin" 120;
}

/// A struct that cannot be used: NULL, or smaller than in ABI 1.0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Undersized {
    /// Name of the struct in the header.
    pub name: &'static str,
    /// Its `struct_size`, or `None` for a NULL pointer.
    pub found: Option<u32>,
    /// The least accepted.
    pub floor: u32,
}

impl std::fmt::Display for Undersized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.found {
            None => write!(f, "{} is NULL", self.name),
            Some(found) => {
                write!(
                    f,
                    "struct_size of {} is {found}, less than the {} of ABI 1.0",
                    self.name, self.floor
                )
            }
        }
    }
}

impl std::error::Error for Undersized {}

/// Copies a struct of the other side; fields beyond its `struct_size` read as zero.
///
/// # Errors
/// [`Undersized`] if it is NULL or smaller than in ABI 1.0.
///
/// # Safety
/// If not NULL, `source` is aligned for `T` and points to `struct_size` readable
/// bytes that nobody writes meanwhile.
pub unsafe fn read<T: AbiStruct>(source: *const T) -> Result<T, Undersized> {
    // SAFETY: the caller's promise is the one that `visible` asks for.
    let visible = unsafe { visible(source)? };
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: `visible` bytes are readable at `source` and writable in `copy`,
    // which is a local and cannot overlap.
    unsafe { std::ptr::copy_nonoverlapping(source.cast::<u8>(), copy.as_mut_ptr().cast(), visible) };
    // SAFETY: the prefix comes from a struct of this layout, the rest is zero,
    // and `AbiStruct` promises that zero is valid.
    Ok(unsafe { copy.assume_init() })
}

/// Copies `value` into a struct that the other side allocated: only what lies
/// inside its `struct_size`, and never over `struct_size` itself.
///
/// # Errors
/// [`Undersized`] if it is NULL or smaller than in ABI 1.0; nothing is written.
///
/// # Safety
/// If not NULL, `target` is aligned for `T` and points to `struct_size` bytes,
/// readable and writable by this thread alone meanwhile.
pub unsafe fn write<T: AbiStruct>(target: *mut T, value: &T) -> Result<(), Undersized> {
    // SAFETY: the caller's promise covers what `visible` asks for.
    let visible = unsafe { visible(target)? };
    let skip = size_of::<u32>();
    let from: *const T = value;
    // SAFETY: both sides hold `visible` bytes, of which the first four are left
    // out; `value` is a shared borrow, so `target` cannot overlap it.
    unsafe {
        std::ptr::copy_nonoverlapping(
            from.cast::<u8>().add(skip),
            target.cast::<u8>().add(skip),
            visible - skip,
        );
    }
    Ok(())
}

/// How many bytes both sides know.
///
/// # Safety
/// If not NULL, `source` is aligned for `T` and its `struct_size` is readable.
unsafe fn visible<T: AbiStruct>(source: *const T) -> Result<usize, Undersized> {
    let refuse = |found| Undersized {
        name: T::NAME,
        found,
        floor: T::FLOOR,
    };
    if source.is_null() {
        return Err(refuse(None));
    }
    // SAFETY: not NULL; `struct_size` is the first field of every `AbiStruct`.
    let struct_size = unsafe { source.cast::<u32>().read() };
    if struct_size < T::FLOOR {
        return Err(refuse(Some(struct_size)));
    }
    Ok(size_of::<T>().min(struct_size as usize))
}
