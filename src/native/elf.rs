//! ELF files, before the dynamic linker sees them: it dies of what is damaged here.
//!
//! The content may be hostile: everything is read through bounds checks, and nothing is reserved
//! for what a file merely claims. It knows the sections and symbols of plugins, not their meaning.

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, NativeEndian};
use zerepy_plugin_abi::{ABI_MAJOR, DESCRIPTOR_SECTION, ENTRY_PREFIX};

use crate::refusal::{Refusal, Result};

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "64")]
const NATIVE_CLASS: u8 = 2;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<Endianness>;
#[cfg(target_pointer_width = "32")]
const NATIVE_CLASS: u8 = 1;

/// The machine this process runs on, as far as it is one that ELF files are checked for.
const MACHINE: Option<elf::Machine> = if cfg!(target_arch = "x86_64") {
    Some(elf::EM_X86_64)
} else if cfg!(target_arch = "aarch64") {
    Some(elf::EM_AARCH64)
} else {
    None
};

const REBUILD: &str = "Build it again for this machine";
const COPY_AGAIN: &str = "A build or a copy was probably interrupted; build or copy it again";

/// Checks that `content` is a plugin library that can be mapped into this process, and returns its
/// descriptor's bytes.
pub(crate) fn descriptor(content: &[u8]) -> Result<&[u8]> {
    let header = header(content)?;
    let endian = header.endian().map_err(|error| damaged("header", error))?;
    check_kind(header, endian)?;
    check_segments(header, endian, content)?;
    let sections =
        header.sections(endian, content).map_err(|error| damaged("section headers", error))?;
    check_entry(&sections, endian, content)?;
    let (_, section) =
        sections.section_by_name(endian, DESCRIPTOR_SECTION.as_bytes()).ok_or_else(|| {
            Refusal::load(format!(
                "it has no section {DESCRIPTOR_SECTION:?} describing its plugins"
            ))
            .hint("Build it with the zerepy-plugin crate, and leave that section in it")
        })?;
    section.data(endian, content).map_err(|error| damaged("descriptor section", error))
}

fn header(content: &[u8]) -> Result<&Header> {
    let Some(ident) = content.strip_prefix(b"\x7fELF") else {
        return Err(Refusal::load(format!("it is not a shared library: {}", opening(content)))
            .hint("Give the path of a plugin built as a cdylib, which ends in \".so\""));
    };
    if ident.first().is_some_and(|&class| class != NATIVE_CLASS) {
        let bits = usize::BITS;
        return Err(Refusal::load(format!("it is not built for {bits} bits")).hint(REBUILD));
    }
    Header::parse(content).map_err(|error| {
        if content.len() < size_of::<Header>() {
            Refusal::load("it is truncated: the file ends within its header").hint(COPY_AGAIN)
        } else {
            damaged("header", error)
        }
    })
}

fn check_kind(header: &Header, endian: Endianness) -> Result<()> {
    if header.is_big_endian() != object::Endian::is_big_endian(NativeEndian) {
        return Err(Refusal::load("it is built for the other byte order").hint(REBUILD));
    }
    let machine = header.e_machine(endian);
    if MACHINE.is_some_and(|own| own != machine) {
        let own = std::env::consts::ARCH;
        let other = machine_name(machine);
        return Err(Refusal::load(format!("it is built for {other}, this process runs on {own}"))
            .hint(REBUILD));
    }
    if header.e_type(endian) != elf::ET_DYN {
        return Err(Refusal::load("it is an object file or an executable, not a shared library")
            .hint("In Cargo.toml, set crate-type = [\"cdylib\"] under [lib]"));
    }
    Ok(())
}

/// Every segment lies within the file: mapping one that does not is a SIGBUS.
fn check_segments(header: &Header, endian: Endianness, content: &[u8]) -> Result<()> {
    let headers = header
        .program_headers(endian, content)
        .map_err(|error| damaged("program headers", error))?;
    let mut loaded =
        headers.iter().filter(|header| header.p_type(endian) == elf::PT_LOAD).peekable();
    if loaded.peek().is_none() {
        return Err(Refusal::load("it has nothing to load").hint(COPY_AGAIN));
    }
    for segment in loaded {
        let (offset, size) = segment.file_range(endian);
        let len = content.len() as u64;
        if offset.checked_add(size).is_none_or(|end| end > len) {
            let end = offset.saturating_add(size);
            return Err(Refusal::load(format!(
                "it is truncated: a segment reaches to byte {end}, the file ends at {len}"
            ))
            .hint(COPY_AGAIN));
        }
    }
    Ok(())
}

fn check_entry(
    sections: &SectionTable<'_, Header>,
    endian: Endianness,
    content: &[u8],
) -> Result<()> {
    let symbols = sections
        .symbols(endian, content, elf::SHT_DYNSYM)
        .map_err(|error| damaged("symbol table", error))?;
    let majors =
        symbols.iter().filter(|symbol| !symbol.is_undefined(endian)).filter_map(|symbol| {
            let name = symbol.name(endian, symbols.strings()).ok()?;
            str::from_utf8(name).ok()?.strip_prefix(ENTRY_PREFIX)?.parse::<u16>().ok()
        });
    let mut newest_other = None;
    for major in majors {
        if major == ABI_MAJOR {
            return Ok(());
        }
        newest_other = newest_other.max(Some(major));
    }
    Err(newest_other.map_or_else(
        || {
            Refusal::load(format!("it exports no plugin entry \"{ENTRY_PREFIX}{ABI_MAJOR}\""))
                .hint("Is it a plugin? A Rust plugin exports it with the zerepy-plugin crate")
        },
        other_major,
    ))
}

/// The library is built for another major version of the ABI.
pub(crate) fn other_major(major: u16) -> Refusal {
    Refusal::abi(format!("it is built for plugin ABI v{major}; this host speaks v{ABI_MAJOR}"))
        .hint(if major > ABI_MAJOR {
            "Update zerepy-plugins, or build the plugin with an older zerepy-plugin crate"
        } else {
            "Build the plugin again with a newer zerepy-plugin crate"
        })
}

fn damaged(part: &str, error: object::Error) -> Refusal {
    Refusal::load(format!("it is truncated or damaged: its {part} cannot be read ({error})"))
        .hint(COPY_AGAIN)
}

/// What a file that is no ELF file begins with.
fn opening(content: &[u8]) -> String {
    const SHOWN_BYTES: usize = 32;
    let start = &content[..content.len().min(SHOWN_BYTES)];
    match start.utf8_chunks().next() {
        Some(chunk) if chunk.valid().len() + 3 >= start.len() && !chunk.valid().contains('\0') => {
            format!("it starts with the text {:?}", chunk.valid())
        }
        _ => format!("it starts with the bytes {:02x?}", &start[..start.len().min(8)]),
    }
}

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86_64".to_owned(),
        elf::EM_AARCH64 => "aarch64".to_owned(),
        elf::EM_386 => "x86".to_owned(),
        elf::EM_ARM => "arm".to_owned(),
        elf::EM_RISCV => "riscv".to_owned(),
        other => format!("another machine (number {})", other.0),
    }
}
