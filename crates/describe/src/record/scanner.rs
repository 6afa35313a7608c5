//! A cursor over the text of a line that takes what is plain JSON and nothing else.
//!
//! Numbers with an exponent and deep nesting are valid too: who meets `None` asks a reader that knows all of JSON.
//! Whatever is taken is valid JSON.

use crate::value::json::{DEPTH_MAX, SPELLED_BYTES_MAX};

/// Digits that a number of 64 bits surely holds.
const INTEGER_DIGITS_MAX: usize = 18;

/// A line and how much of it was taken.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    line: &'a str,
    at: usize,
    /// Whether what was taken since this was set is settled, see [`Taken`].
    is_settled: bool,
}

/// A value that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken<'a> {
    /// Its text.
    pub(super) raw: &'a str,
    /// Whether the text has nothing in it that a JSON value sheds when it is kept or that has to be looked at
    /// first: blanks, escapes of the form `\uXXXX`, numbers that are long or have an exponent.
    pub(super) is_settled: bool,
}

impl<'a> Scanner<'a> {
    /// Starts in front of the line.
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0, is_settled: true }
    }

    /// The next byte; it stays.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// All bytes that were not taken.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Takes so many bytes, which must be there.
    #[inline]
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Takes the next byte where it is this one.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Takes this word.
    #[inline]
    pub(super) fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// Takes blanks.
    #[inline]
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
            self.is_settled = false;
        }
    }

    /// Takes a string; the text between its quotes where that has no escape.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<&'a str> {
        let inner = self.rest().strip_prefix(b"\"")?;
        let length = plain_length(inner);
        if inner.get(length) != Some(&b'"') {
            return None;
        }
        let start = self.at + 1;
        self.at = start + length + 1;
        self.line.get(start..start + length)
    }

    /// Takes what would be a string if each of its escapes were one; all of it, quotes too.
    pub(super) fn escaped_string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            self.at += plain_length(self.rest());
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => return None,
            }
        }
        self.at += 1;
        self.line.get(start..self.at)
    }

    /// Takes a number without fraction and of at most 18 digits.
    #[inline]
    pub(super) fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let negative = rest.first() == Some(&b'-');
        let digits = if negative { rest.get(1..)? } else { rest };
        let (mut number, mut count) = (0_i64, 0);
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            count += 1;
            if count > INTEGER_DIGITS_MAX {
                return None;
            }
            number = number * 10 + i64::from(digit);
        }
        let has_leading_zero = count > 1 && digits.first() == Some(&b'0');
        if count == 0 || has_leading_zero || matches!(digits.get(count), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at += usize::from(negative) + count;
        Some(if negative { -number } else { number })
    }

    /// Takes a number without exponent.
    #[inline]
    pub(super) fn number(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let whole = digits(rest, sign);
        if whole == 0 || (whole > 1 && rest.get(sign) == Some(&b'0')) {
            return None;
        }
        let mut length = sign + whole;
        if rest.get(length) == Some(&b'.') {
            let fraction = digits(rest, length + 1);
            if fraction == 0 {
                return None;
            }
            length += 1 + fraction;
        }
        if matches!(rest.get(length), Some(b'e' | b'E')) {
            return None;
        }
        let start = self.at;
        self.at += length;
        self.line.get(start..self.at)
    }

    /// Takes any value that is nested no deeper than [`DEPTH_MAX`] and has no number with an exponent.
    pub(super) fn value(&mut self) -> Option<Taken<'a>> {
        let start = self.at;
        let mut levels = Levels::default();
        self.is_settled = true;
        loop {
            match self.peek()? {
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    levels.enter(open == b'{')?;
                    self.blanks();
                    if self.take(levels.closing()).is_none() {
                        self.key_in(levels)?;
                        continue;
                    }
                    levels.leave();
                }
                _ => self.scalar()?,
            }
            if self.leaves_all(&mut levels)? {
                let raw = self.line.get(start..self.at)?;
                return Some(Taken { raw, is_settled: self.is_settled });
            }
        }
    }

    /// Takes what follows a value: brackets that close, up to a comma and the key behind it. True where no bracket
    /// is open any more.
    fn leaves_all(&mut self, levels: &mut Levels) -> Option<bool> {
        while levels.depth > 0 {
            self.blanks();
            if self.take(levels.closing()).is_some() {
                levels.leave();
                continue;
            }
            self.take(b',')?;
            self.blanks();
            self.key_in(*levels)?;
            return Some(false);
        }
        Some(true)
    }

    /// Takes a key and its colon, where an object is what we are in.
    fn key_in(&mut self, levels: Levels) -> Option<()> {
        if !levels.is_object() {
            return Some(());
        }
        self.string()?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        Some(())
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => {
                let number = self.number()?;
                self.is_settled &= number.len() <= SPELLED_BYTES_MAX;
                Some(())
            }
        }
    }

    /// Takes a string, with escapes or without.
    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.at += plain_length(self.rest());
            match self.peek()? {
                b'"' => return self.take(b'"'),
                b'\\' => self.at += 1,
                _ => return None,
            }
            match self.peek()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' => {
                    self.is_settled = false;
                    let digits = self.rest().get(1..5)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then(|| self.at += 5)?;
                }
                _ => return None,
            }
        }
    }
}

/// The lists and objects around a place.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    depth: usize,
    /// One bit each, the innermost the lowest: whether it is an object.
    objects: u128,
}

impl Levels {
    fn enter(&mut self, is_object: bool) -> Option<()> {
        // One bit a level: DEPTH_MAX fits.
        self.objects = (self.objects << 1) | u128::from(is_object);
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    fn leave(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn is_object(self) -> bool {
        self.objects & 1 == 1
    }

    fn closing(self) -> u8 {
        if self.is_object() { b'}' } else { b']' }
    }
}

/// How many digits follow from `start`.
#[inline]
fn digits(bytes: &[u8], start: usize) -> usize {
    let behind = bytes.get(start..).unwrap_or_default();
    behind.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(behind.len())
}

/// How many bytes come before the first quote, backslash or control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return length + (special.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    length + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// Sets the highest bit of the first byte, counted from the lowest, that is a quote, a backslash or a control
/// character; bits of bytes before it are 0.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    // A subtraction borrows from the bytes above only where it finds something: the first one found is right.
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let control = word.wrapping_sub(ONES * 0x20);
    (quote | backslash | control) & !word & HIGHEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn value(text: &str) -> Option<Taken<'_>> {
        Scanner::new(text).value()
    }

    #[test]
    fn values_are_taken_up_to_their_end_and_no_further() {
        let long = format!("0.{}", "1".repeat(SPELLED_BYTES_MAX));
        for (text, raw, is_settled) in [
            ("1,", "1", true),
            ("-0.50}", "-0.50", true),
            ("true ", "true", true),
            ("{}x", "{}", true),
            ("{ }", "{ }", false),
            ("[1, 2]]", "[1, 2]", false),
            (r#"{"a":[{},[],{"b":null}],"c\n":"d"},"#, r#"{"a":[{},[],{"b":null}],"c\n":"d"}"#, true),
            (r#"{"a" :1}"#, r#"{"a" :1}"#, false),
            (r#""\u00e9","#, r#""\u00e9""#, false),
            (&long, &long, false),
        ] {
            assert_eq!(value(text), Some(Taken { raw, is_settled }), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_others() {
        for text in [
            "",
            "01",
            "1e5",
            "1.",
            "-",
            "+1",
            "nul",
            "{",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":1,}"#,
            "[1,]",
            "[1 2]",
            "[}",
            "{1:2}",
            r#""\u004""#,
            r#""\u00g1""#,
            r#""\x""#,
            "\"\t\"",
            "\"open",
            r#""\"#,
        ] {
            assert_eq!(value(text), None, "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(value(&nested(DEPTH_MAX)).is_some());
        assert!(value(&nested(DEPTH_MAX + 1)).is_none());
    }

    #[test]
    fn integers_are_read_by_value() {
        let integer = |text| Scanner::new(text).integer();
        assert_eq!(integer("-120,"), Some(-120));
        assert_eq!(integer("-0"), Some(0));
        assert_eq!(integer("999999999999999999"), Some(999_999_999_999_999_999));
        for text in ["", "-", "01", "1.0", "1e2", "1E2", "1000000000000000000", "a"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_plain_part_ends_at_the_first_special_byte(text in "[ -~é\u{7f}\"\\\\\n\u{0}\u{1f}]{0,40}") {
            let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
            let expected = text.bytes().position(special).unwrap_or(text.len());
            prop_assert_eq!(plain_length(text.as_bytes()), expected);
        }

        #[test]
        fn whatever_is_taken_is_json(text in "[\\[\\]{}\",:\\\\ntrue0-9 .é-]{0,30}") {
            if let Some(taken) = value(&text) {
                let raw: &RawValue = serde_json::from_str(taken.raw).unwrap();
                prop_assert_eq!(raw.get(), taken.raw);
            }
            for taken in [Scanner::new(&text).number(), Scanner::new(&text).plain_string()] {
                prop_assert!(taken.is_none() || !text.is_empty());
            }
        }
    }
}
