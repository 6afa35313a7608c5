//! UUIDs as text.

/// Lower case with dashes, from any case, with or without dashes; `None` for anything else.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let mut out = String::with_capacity(36);
    canonical_into(text, &mut out).then_some(out)
}

/// [`canonical`], appended to a text; false where `text` is no UUID, with `out` as it was.
#[must_use]
pub fn canonical_into(text: &str, out: &mut String) -> bool {
    if is_canonical(text) {
        out.push_str(text);
        return true;
    }
    let has_dashes = match text.len() {
        36 => true,
        32 => false,
        _ => return false,
    };
    let start = out.len();
    for (position, byte) in text.bytes().enumerate() {
        let is_dash = has_dashes && matches!(position, 8 | 13 | 18 | 23);
        if is_dash != (byte == b'-') || !(is_dash || byte.is_ascii_hexdigit()) {
            out.truncate(start);
            return false;
        }
        if !has_dashes && matches!(position, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(char::from(byte.to_ascii_lowercase()));
    }
    true
}

/// The common case: nothing to rewrite. Looks at eight bytes at once.
fn is_canonical(text: &str) -> bool {
    const DASHES: [u64; 2] = [dashes([0, 5]), dashes([2, 7])];
    let Ok(bytes) = <&[u8; 36]>::try_from(text.as_bytes()) else { return false };
    let word = |start: usize| {
        let word = bytes.get(start..).and_then(|rest| rest.first_chunk());
        word.map_or(0, |word| u64::from_le_bytes(*word))
    };
    let [first, second, third, fourth, last] = [0, 8, 16, 24, 28].map(word);
    let has_dashes = |word: u64, dashes: u64| word & (dashes / u64::from(b'-') * 0xff) == dashes;
    let [before, behind] = DASHES;
    // A dash becomes a digit, so that all that is left to ask is whether there are digits only.
    let digit = |dashes: u64| dashes / u64::from(b'-') * u64::from(b'-' ^ b'0');
    has_dashes(second, before)
        && has_dashes(third, behind)
        && [first, second ^ digit(before), third ^ digit(behind), fourth, last].into_iter().all(is_hex)
}

/// Dashes at two of the eight bytes of a word, zeros elsewhere.
const fn dashes(places: [u32; 2]) -> u64 {
    let [first, second] = places;
    (b'-' as u64) << (8 * first) | (b'-' as u64) << (8 * second)
}

/// Whether each byte is a digit or one of the letters `a` to `f`.
const fn is_hex(word: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = ONES * 0x80;
    // The highest bit of a byte below 0x80 is set by the first addend where the byte reaches the lowest of a range, and
    // by the second where it is beyond the highest; no sum carries over.
    let low = word & !HIGHEST;
    let digit = (low + ONES * (0x80 - b'0' as u64)) & !(low + ONES * (0x7f - b'9' as u64));
    let letter = (low + ONES * (0x80 - b'a' as u64)) & !(low + ONES * (0x7f - b'f' as u64));
    (digit | letter) & !word & HIGHEST == HIGHEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_spelling_becomes_the_canonical_one() {
        let canon = "11111111-aaaa-4111-8111-111111111abc";
        for text in [canon, "11111111-AAAA-4111-8111-111111111ABC", "11111111aaaa41118111111111111aBc"] {
            assert_eq!(canonical(text).as_deref(), Some(canon));
        }
        for text in [
            "",
            "{11111111-aaaa-4111-8111-111111111abc}",
            "11111111-aaaa-4111-8111-111111111abg",
            "-1111111aaaa41118111111111111aBc",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn every_byte_at_every_place_is_looked_at() {
        let canon = "11111111-aaaa-4111-8111-111111111abc";
        for at in 0..canon.len() {
            for byte in 0..0x80_u8 {
                let mut bytes = canon.as_bytes().to_vec();
                bytes[at] = byte;
                let text = String::from_utf8(bytes).unwrap();
                let is_dash = matches!(at, 8 | 13 | 18 | 23);
                let fits = if is_dash { byte == b'-' } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') };
                assert_eq!(is_canonical(&text), fits, "{text}");
            }
        }
        assert!(!is_canonical(&canon.replacen("11", "é", 1)));
        assert!(!is_canonical(&canon[1..]));
    }
}
