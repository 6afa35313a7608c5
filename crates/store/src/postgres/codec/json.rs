//! JSON as the server spells it, made compact.

/// Appends the text without the white space between its tokens.
pub(super) fn compact(text: &str, out: &mut String) {
    let (mut in_string, mut escaped) = (false, false);
    let mut kept = 0;
    // Only ASCII is looked at, so that every cut is at a character's edge.
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte == b'"' {
            in_string = true;
        } else if byte.is_ascii_whitespace() {
            out.push_str(text.get(kept..at).unwrap_or_default());
            kept = at + 1;
        }
    }
    out.push_str(text.get(kept..).unwrap_or_default());
}
