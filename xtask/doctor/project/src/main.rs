//! A program whose C is needed at run time.

extern "C" {
    fn sum(bytes: *const u8, count: u64) -> u64;
}

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let total = unsafe { sum(text.as_ptr(), text.len() as u64) };
    println!("{total}");
}
