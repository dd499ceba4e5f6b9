//! [`ArmAttributes`]: what an ELF file for 32-bit ARM says of the processor that it needs.
//!
//! <https://github.com/ARM-software/abi-aa/blob/2024Q3/addenda32/addenda32.rst>

use object::Endianness;
use object::elf;
use object::read::ReadRef;
use object::read::elf::{AttributeReader, FileHeader, SectionHeader};
use serde::{Deserialize, Serialize};

const CPU_RAW_NAME: u64 = 4;
const CPU_NAME: u64 = 5;
const CPU_ARCH: u64 = 6;
const ABI_VFP_ARGS: u64 = 28;
const COMPATIBILITY: u64 = 32;

/// What an ELF file for 32-bit ARM says of its processor (`.ARM.attributes`). What it does not say is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct ArmAttributes {
    /// `Tag_CPU_arch`, as it is written: see [`ArmAttributes::version`].
    pub cpu_arch: u64,
    /// `Tag_ABI_VFP_args`: 0 floating-point arguments in core registers, 1 in those of the floating-point unit, 2 as a
    /// toolchain of its own likes it, 3 for functions that pass none.
    pub vfp_args: u64,
}

impl ArmAttributes {
    /// The version of the architecture: 4 to 9; none for numbers that did not exist when this was written, and for
    /// what is older.
    pub fn version(&self) -> Option<u8> {
        Some(match self.cpu_arch {
            1 | 2 => 4,
            3..=5 => 5,
            // v6-M and v6S-M are 11 and 12; 8 is v6T2.
            6..=9 | 11 | 12 => 6,
            // v7, v7E-M
            10 | 13 => 7,
            // v8-A to v8.3-A, v8-R, v8-M and v8.1-M.
            14..=21 => 8,
            22 => 9,
            _ => return None,
        })
    }
}

/// The attributes of the whole file; none if the section cannot be read.
pub(super) fn read<'a, H, R>(endian: Endianness, data: R, section: &H::SectionHeader) -> Option<ArmAttributes>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let mut found = ArmAttributes::default();
    let mut vendors = section.attributes(endian, data).ok()?.subsections().ok()?;
    while let Some(vendor) = vendors.next().ok()? {
        let mut parts = vendor.subsubsections();
        while vendor.vendor() == b"aeabi"
            && let Some(part) = parts.next().ok()?
        {
            if part.tag() == elf::Tag_File {
                take(part.attributes(), &mut found)?;
            }
        }
    }
    Some(found)
}

fn take(mut attributes: AttributeReader<'_>, into: &mut ArmAttributes) -> Option<()> {
    while let Some(tag) = attributes.read_tag().ok()? {
        match tag {
            CPU_ARCH => into.cpu_arch = attributes.read_integer().ok()?,
            ABI_VFP_ARGS => into.vfp_args = attributes.read_integer().ok()?,
            COMPATIBILITY => {
                attributes.read_integer().ok()?;
                attributes.read_string().ok()?;
            }
            // Above 32, odd tags have strings.
            CPU_RAW_NAME | CPU_NAME => drop(attributes.read_string().ok()?),
            tag if tag > COMPATIBILITY && tag % 2 == 1 => drop(attributes.read_string().ok()?),
            _ => drop(attributes.read_integer().ok()?),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_table() {
        for (number, version) in [
            (0, None),
            (4, Some(5)),
            (9, Some(6)),
            (10, Some(7)),
            (11, Some(6)),
            (14, Some(8)),
            (23, None),
        ] {
            let attributes = ArmAttributes {
                cpu_arch: number,
                vfp_args: 0,
            };
            assert_eq!(attributes.version(), version, "{number}");
        }
    }
}
