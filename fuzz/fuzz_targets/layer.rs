//! Any bytes as a compressed layer: bounded output or an error, never a panic.
#![no_main]

use std::io::Read;

use cargo_gantry::codec;
use cargo_gantry::spec::MediaType;
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    for media_type in [MediaType::ImageLayerGzip, MediaType::ImageLayerZstd, MediaType::ImageLayer] {
        let Ok(decoder) = codec::decoder(&media_type, bytes, LIMIT) else { continue };
        let mut out = Vec::new();
        let _ = decoder.take(LIMIT + 1).read_to_end(&mut out);
        assert!(out.len() as u64 <= LIMIT);
    }
});
