//! Patterns of fields, written for JavaScript, run by an engine that needs time in proportion to the text.
//!
//! What both spell differently is rewritten: `\d`, `\w` and their negations mean ASCII, and a `[` within
//! brackets is a character. Look-around and back references do not exist here: such a pattern is kept in the
//! definition and not enforced.

use regex::{Regex, RegexBuilder};

/// Memory that one compiled pattern may take, in bytes. Patterns come from archives: without a bound a short
/// one (`(a{1000}){1000}`) could take gigabytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// Compiles a pattern.
///
/// # Errors
/// Where the engine does not know a construct of it, or it would grow too large.
pub fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .nest_limit(50)
        .build()
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut in_brackets = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match (characters.next(), in_brackets) {
                (Some('d'), false) => out.push_str("[0-9]"),
                (Some('d'), true) => out.push_str("0-9"),
                (Some('D'), _) => out.push_str("[^0-9]"),
                (Some('w'), false) => out.push_str("[0-9A-Za-z_]"),
                (Some('w'), true) => out.push_str("0-9A-Za-z_"),
                (Some('W'), _) => out.push_str("[^0-9A-Za-z_]"),
                (Some(escaped), _) => out.extend(['\\', escaped]),
                (None, _) => out.push('\\'),
            },
            '[' if in_brackets => out.push_str("\\["),
            '[' => {
                in_brackets = true;
                out.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ']' => {
                in_brackets = false;
                out.push(']');
            }
            // Doubled, these three are set operations of the engine's own.
            '&' | '~' | '-' if in_brackets && characters.peek() == Some(&character) => {
                out.extend(['\\', character]);
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_of_real_archives_match_as_in_javascript() {
        let matches = |pattern: &str, text: &str| compile(pattern).unwrap().is_match(text);
        let phone = r"^\+?[1-9]\d{1,14}$|^\+?1 \([0-9]{3}\) [0-9]{3}-[0-9]{4}$";
        assert!(matches(phone, "+4915112345678"));
        assert!(matches(phone, "+1 (555) 123-4567"));
        assert!(!matches(phone, "+4915112345678 "));
        assert!(!matches(r"^\d+$", "١٢"));
        assert!(!matches(r"^\w+$", "ä"));
        assert!(matches(r"^[\w.-]+$", "a.b-c_1"));
        assert!(matches(r"^[[]$", "["));
        assert!(matches(r"^[a&&b]+$", "a&b"));
        assert!(matches(r"^a\/b$", "a/b"));
        assert!(matches("b", "abc"));
    }

    #[test]
    fn patterns_that_cannot_be_enforced_are_refused_cheaply() {
        for pattern in ["(?=a)", r"(a)\1", "(a{1000}){1000}", "(", "[", "\\"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[\\[\\]()\\\\dwDW^&~\\-a-c{}0-9|*+?.]{0,24}") {
            let _ = compile(&pattern);
        }
    }
}
