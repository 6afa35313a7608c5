//! Entry names as hostile input: decided on the raw bytes, before anything interprets them.
//!
//! No name is ever used to open a file here. The rules hold all the same: a name that is only written to attack
//! an unpacker tells that the archive was not made in good faith, and someone may unpack it elsewhere.

use crate::error::NameFault;

/// What the bytes from 0x80 stand for in code page 437, the charset of ZIP names before UTF-8.
#[rustfmt::skip] // Sixteen to a row, as in every table of it.
const CODE_PAGE_437: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å',
    'É', 'æ', 'Æ', 'ô', 'ö', 'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ',
    'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡', '«', '»',
    '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛', '┐',
    '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧',
    '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐', '▀',
    'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩',
    '≡', '±', '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{a0}',
];

/// A name that passed the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryPath {
    /// Its parts joined by `/`, without empty and `.` parts.
    pub(crate) path: String,
    /// Whether it ends in `/`.
    pub(crate) is_folder: bool,
}

/// Checks a name as stored and makes text of it.
///
/// # Errors
/// The first rule that it breaks.
pub(crate) fn check(raw: &[u8], marked_utf8: bool, bytes_max: usize) -> Result<EntryPath, NameFault> {
    if raw.len() > bytes_max {
        return Err(NameFault::TooLong);
    }
    // A NUL ends the name for C programs: they would see another name than we do.
    if raw.contains(&0) {
        return Err(NameFault::Nul);
    }
    // Windows takes `a\..\b` for a path, others for one strange file name.
    if raw.contains(&b'\\') {
        return Err(NameFault::Backslash);
    }
    match raw {
        // Joining an absolute path to a folder drops the folder.
        [b'/', ..] => return Err(NameFault::Absolute),
        // `C:x` leaves the folder on Windows even without a separator.
        [letter, b':', ..] if letter.is_ascii_alphabetic() => return Err(NameFault::DriveLetter),
        _ => {}
    }
    let text = decode(raw, marked_utf8)?;
    let is_folder = text.ends_with('/');
    let mut path = String::with_capacity(text.len());
    for part in text.split('/') {
        match part {
            // The classic way out of the folder that one unpacks into.
            ".." => return Err(NameFault::ParentFolder),
            "" | "." => {}
            part => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(part);
            }
        }
    }
    if path.is_empty() && !is_folder { Err(NameFault::Empty) } else { Ok(EntryPath { path, is_folder }) }
}

/// UTF-8 where it is valid, marked or not (macOS doesn't mark it), else the legacy charset.
fn decode(raw: &[u8], marked_utf8: bool) -> Result<String, NameFault> {
    match str::from_utf8(raw) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if marked_utf8 => Err(NameFault::NotUtf8),
        Err(_) => Ok(raw.iter().map(|byte| legacy_char(*byte)).collect()),
    }
}

/// One byte of code page 437.
fn legacy_char(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(high) => CODE_PAGE_437.get(usize::from(high)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &[u8]) -> Result<String, NameFault> {
        super::check(raw, false, 100).map(|name| name.path)
    }

    #[test]
    fn names_that_attack_an_unpacker_are_refused() {
        for (raw, fault) in [
            (&b"a\0.jsonl"[..], NameFault::Nul),
            (b"describe.yaml\0", NameFault::Nul),
            (b"a\\b.jsonl", NameFault::Backslash),
            (b"..\\a.jsonl", NameFault::Backslash),
            (b"/a.jsonl", NameFault::Absolute),
            (b"//a.jsonl", NameFault::Absolute),
            (b"C:a.jsonl", NameFault::DriveLetter),
            (b"c:/a.jsonl", NameFault::DriveLetter),
            (b"../a.jsonl", NameFault::ParentFolder),
            (b"x/../a.jsonl", NameFault::ParentFolder),
            (b"x/..", NameFault::ParentFolder),
            (b"..", NameFault::ParentFolder),
            (b"../", NameFault::ParentFolder),
            (b"", NameFault::Empty),
            (b".", NameFault::Empty),
            (&[b'a'; 101], NameFault::TooLong),
        ] {
            assert_eq!(check(raw), Err(fault), "{}", raw.escape_ascii());
        }
        assert_eq!(super::check(b"\xff.jsonl", true, 100), Err(NameFault::NotUtf8));
    }

    #[test]
    fn dots_inside_a_name_are_no_attack() {
        for name in ["a..b.jsonl", "..a", "a..", "...", "x/..a/b"] {
            assert_eq!(check(name.as_bytes()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn empty_and_single_dot_parts_are_left_out() {
        assert_eq!(check(b"./a//b/./c.jsonl").as_deref(), Ok("a/b/c.jsonl"));
        assert_eq!(super::check(b"./", false, 9), Ok(EntryPath { path: String::new(), is_folder: true }));
        assert_eq!(super::check(b"a/", false, 9), Ok(EntryPath { path: "a".into(), is_folder: true }));
    }

    #[test]
    fn legacy_bytes_become_the_characters_of_code_page_437() {
        assert_eq!(check(b"caf\x82.jsonl").as_deref(), Ok("café.jsonl"));
        assert_eq!(check(b"\x80\xe1\xff").as_deref(), Ok("Çß\u{a0}"));
        assert_eq!(check("café".as_bytes()).as_deref(), Ok("café"));
    }
}
