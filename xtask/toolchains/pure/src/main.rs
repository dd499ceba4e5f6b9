//! Rust alone: what needs the unwinder, the C library's threads and the compiler's own number routines.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

fn main() {
    let (send, receive) = channel();
    let total = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in 1..=8_u64 {
            let (send, total) = (send.clone(), &total);
            scope.spawn(move || {
                total.fetch_add(number << 32, Ordering::SeqCst);
                send.send((number, number.to_string())).expect("somebody listens");
            });
        }
    });
    drop(send);
    let names: BTreeMap<u64, String> = receive.into_iter().collect();
    assert_eq!(names.values().map(String::as_str).collect::<String>(), "12345678");
    assert_eq!(total.into_inner(), 36 << 32);

    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(|| -> u32 { black_box("x").parse().expect("no number") });
    drop(std::panic::take_hook());
    assert!(caught.is_err());

    let wide = black_box(0x0123_4567_89ab_cdef_u128).pow(2);
    assert_eq!(wide % 1_000_000_007, 603_626_471);
    assert_eq!(format!("{:.12}", black_box(2_f64).sqrt()), "1.414213562373");
    println!("OK");
}
