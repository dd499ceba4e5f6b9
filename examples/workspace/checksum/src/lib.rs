//! Adler-32, computed by C code.

use std::ffi::{CStr, c_char};

unsafe extern "C" {
    fn shop_checksum(bytes: *const u8, length: usize) -> u32;
    fn shop_checksum_source() -> *const c_char;
}

/// The checksum of some bytes.
pub fn of(bytes: &[u8]) -> u32 {
    // SAFETY: the pointer and length are of one slice, and the function only reads.
    unsafe { shop_checksum(bytes.as_ptr(), bytes.len()) }
}

/// The path of the C file, as its compiler saw it.
pub fn source() -> String {
    // SAFETY: the function returns a string literal, which lives for ever.
    unsafe { CStr::from_ptr(shop_checksum_source()) }
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_the_standard() {
        assert_eq!(super::of(b"Wikipedia"), 0x11E6_0398);
        assert!(super::source().ends_with("checksum.c"));
    }
}
