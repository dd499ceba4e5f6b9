//! What the notes of an ELF file say.

use object::elf;
use object::read::elf::{FileHeader, NoteIterator};

use super::Elf;

/// Takes the build id and the level of the processor from a segment of notes, as far as they can be read.
pub(super) fn read<H: FileHeader>(endian: H::Endian, mut notes: NoteIterator<'_, H>, into: &mut Elf) {
    let x86 = [elf::EM_386.0, elf::EM_X86_64.0].contains(&into.machine);
    while let Ok(Some(note)) = notes.next() {
        if note.n_type(endian) == elf::NT_GNU_BUILD_ID && note.name() == elf::ELF_NOTE_GNU {
            into.build_id = Some(note.desc().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        let Some(mut properties) = note.gnu_properties(endian).filter(|_| x86) else {
            continue;
        };
        while let Ok(Some(property)) = properties.next() {
            if property.pr_type() == elf::GNU_PROPERTY_X86_ISA_1_NEEDED
                && let Ok(bits) = property.data_u32(endian)
            {
                into.isa_level = level(bits);
            }
        }
    }
}

/// A bit for every level that is needed. Bits above the fourth are nobody's yet, and no machine is said to have them.
fn level(bits: u32) -> Option<u8> {
    u8::try_from(u32::BITS - bits.leading_zeros())
        .ok()
        .filter(|level| *level > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_level_counts() {
        for (bits, expected) in [
            (0, None),
            (elf::GNU_PROPERTY_X86_ISA_1_BASELINE, Some(1)),
            (elf::GNU_PROPERTY_X86_ISA_1_V2, Some(2)),
            (
                elf::GNU_PROPERTY_X86_ISA_1_BASELINE | elf::GNU_PROPERTY_X86_ISA_1_V3,
                Some(3),
            ),
            (0xf, Some(4)),
            (u32::MAX, Some(32)),
        ] {
            assert_eq!(level(bits), expected, "{bits:#b}");
        }
    }
}
