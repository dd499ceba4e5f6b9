//! C++ behind a function of C's kind, compiled with the `cc` crate.

use std::ffi::{CStr, c_char};

unsafe extern "C" {
    fn sort_words(text: *const c_char, sorted: *mut c_char, room: usize) -> i32;
}

fn sorted(text: &CStr) -> Result<String, i32> {
    let mut room = [0_u8; 64];
    // SAFETY: both texts end with a zero, and the C++ side writes no more than `room` bytes.
    let count = unsafe { sort_words(text.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
    let line = CStr::from_bytes_until_nul(&room).expect("a zero at its end");
    if count < 0 { Err(count) } else { Ok(line.to_string_lossy().into_owned()) }
}

fn main() {
    assert_eq!(sorted(c"pear apple  fig"), Ok("apple fig pear".to_owned()));
    assert_eq!(sorted(c" "), Err(-1));
    let long = c"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789";
    assert_eq!(sorted(long), Err(-2));
    println!("OK");
}
