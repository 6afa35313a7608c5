//! One spelling for each JSON value, so that the same data gives the same text wherever it was kept.
//!
//! Databases keep the value: one hands the text back as it came, another has its own order of keys, its own escapes
//! and its own idea of a number.

use super::{decimal, json::DEPTH_MAX, text_into};
use crate::record_json::write_string;

/// Deepest nesting that is rewritten: that of a value, and the list around the elements of an array.
const LEVELS_MAX: usize = DEPTH_MAX + 1;

/// Appends a JSON value in its canonical spelling: no blanks, keys in the order of their bytes as they are spelled
/// here, of a key that comes twice the last value, escapes only where JSON needs them, numbers as canonical decimals
/// (see [`decimal::canonical`]).
///
/// A text that is no JSON value or is nested deeper than values may be is appended as it is: no store holds one, unless
/// somebody else wrote it.
pub fn canonical_into(text: &str, out: &mut String) {
    if !try_canonical_into(text, out) {
        out.push_str(text);
    }
}

/// [`canonical_into`] that appends nothing, and says so, where the text is no JSON value or is nested too deep.
#[must_use]
pub fn try_canonical_into(text: &str, out: &mut String) -> bool {
    let start = out.len();
    let mut writer = Writer { rest: text, out };
    let written = writer.value(0).map(|()| writer.rest.trim_ascii().is_empty()) == Some(true);
    if !written {
        out.truncate(start);
    }
    written
}

/// Reads a value from the front of a text and writes it; `None` where there is none.
struct Writer<'t, 'o> {
    rest: &'t str,
    out: &'o mut String,
}

/// Where a member of an object is in the output: from its key to the end of its value.
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

impl<'t> Writer<'t, '_> {
    fn value(&mut self, level: usize) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if level == LEVELS_MAX => None,
            b'{' => self.object(level),
            b'[' => self.list(level),
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    /// The next byte that is not blank; it stays.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.bytes().next()
    }

    /// Takes the next byte that is not blank where it is this one.
    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_there
    }

    /// Takes so many bytes.
    fn token(&mut self, length: usize) -> Option<&'t str> {
        let (token, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(token)
    }

    fn object(&mut self, level: usize) -> Option<()> {
        self.take(b'{');
        self.out.push('{');
        let mut members: Vec<Member> = Vec::new();
        let mut is_sorted = true;
        while !self.take(b'}') {
            if !members.is_empty() {
                self.take(b',').then(|| self.out.push(','))?;
            }
            let member = self.member(level)?;
            is_sorted = is_sorted && members.last().is_none_or(|last| self.key(last) < self.key(&member));
            members.push(member);
        }
        if !is_sorted {
            self.sort(members);
        }
        self.out.push('}');
        Some(())
    }

    fn member(&mut self, level: usize) -> Option<Member> {
        let start = self.out.len();
        (self.peek()? == b'"').then_some(())?;
        self.string()?;
        let key_end = self.out.len();
        self.take(b':').then(|| self.out.push(':'))?;
        self.value(level + 1)?;
        Some(Member { start, key_end, end: self.out.len() })
    }

    /// The key without its quotes: the closing one would sort before other characters.
    fn key(&self, member: &Member) -> &str {
        self.out.get(member.start + 1..member.key_end - 1).unwrap_or_default()
    }

    /// Puts the members at the end of the output in order; of those with one key the last stays.
    fn sort(&mut self, mut members: Vec<Member>) {
        let first = members.first().map_or(self.out.len(), |member| member.start);
        members.sort_by(|left, right| self.key(left).cmp(self.key(right)));
        let mut sorted = String::with_capacity(self.out.len() - first);
        let mut members = members.iter().peekable();
        while let Some(member) = members.next() {
            if members.peek().is_some_and(|next| self.key(next) == self.key(member)) {
                continue;
            }
            if !sorted.is_empty() {
                sorted.push(',');
            }
            sorted.push_str(self.out.get(member.start..member.end).unwrap_or_default());
        }
        self.out.truncate(first);
        self.out.push_str(&sorted);
    }

    fn list(&mut self, level: usize) -> Option<()> {
        self.take(b'[');
        self.out.push('[');
        let mut is_first = true;
        while !self.take(b']') {
            if !is_first {
                self.take(b',').then(|| self.out.push(','))?;
            }
            is_first = false;
            self.value(level + 1)?;
        }
        self.out.push(']');
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\');
        let end = self.rest.as_bytes().get(1..)?.iter().position(is_special)? + 1;
        if self.rest.as_bytes().get(end) == Some(&b'"') {
            let raw = self.token(end + 1)?;
            self.out.push_str(raw);
            return Some(());
        }
        self.string_with_escapes()
    }

    fn string_with_escapes(&mut self) -> Option<()> {
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let is_end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            is_end
        })?;
        let raw = self.token(end + 2)?;
        let mut text = String::new();
        text_into(raw, &mut text).ok()?;
        write_string(&text, self.out);
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let is_part = |byte: u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let length = self.rest.bytes().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let token = self.token(length)?;
        decimal::canonical_into(token, self.out).ok()
    }

    fn word(&mut self) -> Option<()> {
        let word = ["null", "true", "false"].into_iter().find(|word| self.rest.starts_with(word))?;
        let token = self.token(word.len())?;
        self.out.push_str(token);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::is_same_json;

    fn canonical(text: &str) -> String {
        let mut out = "before ".to_owned();
        canonical_into(text, &mut out);
        out.split_off("before ".len())
    }

    #[test]
    fn spellings_of_one_value_become_one() {
        for (text, expected) in [
            ("null", "null"),
            (" [ true , false ] ", "[true,false]"),
            (r#"{ "b": 1, "a": {"d":[], "c":{}} }"#, r#"{"a":{"c":{},"d":[]},"b":1}"#),
            (r#"{"aa":1,"b":2,"a":3}"#, r#"{"a":3,"aa":1,"b":2}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"\u0061":1,"a":2}"#, r#"{"a":2}"#),
            (r#""\u00e9\/\b\n\u001F""#, "\"é/\\u0008\\n\\u001f\""),
            (r#"["\ud83d\ude80","\\\"",",}"]"#, r#"["🚀","\\\"",",}"]"#),
            ("[1.50,-0.0,1E2,12345678901234567890.10]", "[1.5,0,100,12345678901234567890.1]"),
        ] {
            assert_eq!(canonical(text), expected);
        }
    }

    #[test]
    fn what_is_no_value_stays_as_it_is() {
        for text in
            ["", "{", "[1,", "[1 2]", "{1:2}", "{\"a\"}", "nul", "\"open", "1 2", "\"\\ud800\"", "[,]"]
        {
            assert_eq!(canonical(text), text);
        }
        let deep = format!("{}1 {}", "[".repeat(LEVELS_MAX + 1), "]".repeat(LEVELS_MAX + 1));
        assert_eq!(canonical(&deep), deep);
        let deepest = format!("{}1 {}", "[".repeat(LEVELS_MAX), "]".repeat(LEVELS_MAX));
        assert_eq!(canonical(&deepest), deepest.replace(' ', ""));
    }

    /// JSON texts with keys that meet and characters that need escapes.
    fn any_json() -> impl Strategy<Value = String> {
        let text = prop_oneof!["[a-c]{0,2}", "[\"\\\\\\n\u{1}é,:{}]{0,3}"];
        let string = (text, any::<bool>()).prop_map(|(text, escaped)| {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            if escaped {
                format!("\"{}\"", units.collect::<String>())
            } else {
                serde_json::to_string(&text).unwrap()
            }
        });
        let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][-+]?[0-9])?";
        let leaf = prop_oneof![string.clone(), number, Just("null".to_owned()), Just("true".to_owned())];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let member = (string.clone(), inner.clone()).prop_map(|(key, value)| format!("{key} :{value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|items| format!("[ {}]", items.join(", "))),
                prop::collection::vec(member, 0..4)
                    .prop_map(|members| format!("{{{}\n}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_value_stays_and_is_spelled_once(text in any_json()) {
            let once = canonical(&text);
            prop_assert!(is_same_json(&text, &once), "{}", once);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:\\\\ntrue0-9 .eé-]{0,40}") {
            canonical(&text);
        }
    }
}
