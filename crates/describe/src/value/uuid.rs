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

/// The common case: nothing to rewrite.
fn is_canonical(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
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
}
