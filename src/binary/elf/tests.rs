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

/// The C library that this test runs with.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn libc() -> Vec<u8> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let library = maps.lines().find(|line| line.ends_with("/libc.so.6")).unwrap();
    std::fs::read(&library[library.find('/').unwrap()..]).unwrap()
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_library_is_read() {
    let found = Elf::read(std::io::Cursor::new(libc())).unwrap();
    assert_eq!(found.soname.as_deref(), Some("libc.so.6"));
    let versions: Vec<_> = found
        .version_definitions
        .iter()
        .filter_map(|name| Glibc::of_symbol_version(name))
        .collect();
    let shell = Elf::parse(shell().as_slice()).unwrap();
    assert!(versions.iter().max() >= shell.glibc().as_ref(), "{versions:?}");
    assert!(!found.version_definitions.contains(&"libc.so.6".to_owned()));
    assert!(found.relro && !found.executable_stack && found.arm.is_none());
    let stored = serde_json::to_value(&found).unwrap();
    assert_eq!(stored["kind"], "dyn");
    assert_eq!(serde_json::from_value::<Elf>(stored).unwrap(), found);
}

/// Where the headers, the dynamic section, the versions and the notes lie in the file.
#[cfg(all(target_os = "linux", target_pointer_width = "64", target_env = "gnu"))]
fn places(bytes: &[u8]) -> Vec<usize> {
    let header = elf::FileHeader64::<Endianness>::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, bytes).unwrap();
    let mut found = vec![0, header.e_shoff(endian) as usize];
    for segment in segments {
        if [elf::PT_DYNAMIC, elf::PT_NOTE].contains(&segment.p_type(endian)) {
            found.push(segment.file_range(endian).0 as usize);
        }
        if let Some(dynamic) = segment.dynamic(endian, bytes).unwrap() {
            type Of<'a> = Linking<'a, elf::FileHeader64<Endianness>, &'a [u8]>;
            let linking = Of::new(endian, bytes, segments, dynamic).unwrap();
            let tags = [elf::DT_VERNEED, elf::DT_VERDEF];
            let addresses = tags.into_iter().filter_map(|tag| linking.value(tag));
            found.extend(addresses.map(|address| linking.offset(address).unwrap() as usize));
        }
    }
    found
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_that_is_cut_short_is_none() {
    let bytes = shell();
    let read = |length: usize| Elf::read_whole(std::io::Cursor::new(&bytes[..length]));
    assert_eq!(read(bytes.len()).unwrap(), Elf::parse(bytes.as_slice()).unwrap());
    let end = loaded::<elf::FileHeader64<Endianness>, _>(bytes.as_slice()).unwrap() as usize;
    assert!(read(end).is_ok());
    let error = read(end - 1).unwrap_err().to_string();
    assert!(error.contains(&format!("{} bytes are here", end - 1)), "{error}");
}

#[test]
fn more_program_headers_than_the_kernel_takes_are_not_compared() {
    let of = |count: u16| {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64 + 56 * usize::from(count), 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56..58].copy_from_slice(&count.to_le_bytes());
        Elf::read(std::io::Cursor::new(bytes))
    };
    assert!(of(1170).is_ok());
    assert!(of(u16::MAX - 1).is_err());
}

#[cfg(all(target_os = "linux", target_pointer_width = "64", target_env = "gnu"))]
proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]
    #[test]
    fn broken_files_do_not_panic(
        library in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..600usize, any::<u8>()), 1..12),
        length in prop::option::of(0..4096usize),
    ) {
        let mut bytes = if library { libc() } else { shell() };
        let places = places(&bytes);
        for (place, offset, value) in changes {
            if let Some(byte) = bytes.get_mut(place.get(&places) + offset) {
                *byte = value;
            }
        }
        if let Some(length) = length {
            bytes.truncate(length);
        }
        if let Ok(found) = Elf::read(std::io::Cursor::new(bytes)) {
            prop_assert!(found.needed.len() <= MANY && found.version_needs.len() <= MANY);
            prop_assert!(found.version_definitions.len() <= MANY && found.rpath.len() <= MANY);
        }
    }
}
