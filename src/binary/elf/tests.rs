use super::*;
use proptest::prelude::*;

/// A dynamic program that every Linux system has.
#[cfg(target_os = "linux")]
fn shell() -> Vec<u8> {
    std::fs::read("/bin/sh").unwrap()
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn a_dynamic_program_is_read() {
    let found = Elf::parse(shell().as_slice()).unwrap();
    assert_eq!(
        (found.class, found.endian, found.machine),
        (64, Endian::Little, 62)
    );
    assert_eq!(found.kind, ElfKind::Dyn);
    assert_eq!(found.interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
    assert!(found.needed.contains(&"libc.so.6".to_owned()), "{found:?}");
    assert!(found.stripped && !found.is_static() && !found.debug_information);
    assert_eq!(found.build_id.as_ref().map(String::len), Some(40));
    assert!(found.glibc() > "2.2".parse().ok(), "{found:?}");
    assert!(found.version_needs.iter().any(|need| need.library == "libc.so.6"));

    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let own = Elf::parse(own.as_slice()).unwrap();
    assert!(!own.stripped && own.debug_information, "{own:?}");
}

/// Where the dynamic section and the needed versions lie in the file.
#[cfg(all(target_os = "linux", target_pointer_width = "64", target_env = "gnu"))]
fn places(bytes: &[u8]) -> [usize; 3] {
    let header = elf::FileHeader64::<Endianness>::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, bytes).unwrap();
    let place = segments
        .iter()
        .find(|one| one.p_type(endian) == elf::PT_DYNAMIC)
        .unwrap();
    let dynamic = place.dynamic(endian, bytes).unwrap().unwrap();
    let linking =
        Linking::<elf::FileHeader64<Endianness>, &[u8]>::new(endian, bytes, segments, dynamic).unwrap();
    let versions = linking.offset(linking.value(elf::DT_VERNEED).unwrap()).unwrap();
    [0, place.file_range(endian).0 as usize, versions as usize]
}

#[cfg(all(target_os = "linux", target_pointer_width = "64", target_env = "gnu"))]
proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]
    #[test]
    fn broken_files_do_not_panic(
        changes in prop::collection::vec((0..3usize, 0..600usize, any::<u8>()), 1..12),
        length in prop::option::of(0..4096usize),
    ) {
        let mut bytes = shell();
        let places = places(&bytes);
        for (place, offset, value) in changes {
            if let Some(byte) = bytes.get_mut(places[place] + offset) {
                *byte = value;
            }
        }
        if let Some(length) = length {
            bytes.truncate(length);
        }
        if let Ok(found) = Elf::parse(bytes.as_slice()) {
            prop_assert!(found.needed.len() <= MANY && found.version_needs.len() <= MANY);
        }
    }
}
