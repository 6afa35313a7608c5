//! Records made by chance, the same at every run.

use reinstate_describe::BaseType;
use reinstate_describe::value::{date, timestamp};

use super::awkward::FIELDS;

/// Pieces that texts are put together of.
const PIECES: &[&str] = &[
    "a",
    "B",
    "ß",
    "ö",
    "%",
    "_",
    "\\",
    "\"",
    "'",
    "{",
    "}",
    ",",
    "\n",
    "\t",
    "\u{1}",
    "\u{7f}",
    "😀",
    "👩‍👧",
    "ש",
    "\u{202e}",
    "e\u{301}",
    "NULL",
    " ",
    "\u{10ffff}",
    "0",
    "$1",
];

/// A row of numbers as if by chance.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number (SplitMix64).
    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.any() % u64::try_from(end).unwrap()).unwrap()
    }

    fn within(&mut self, least: i64, greatest: i64) -> i64 {
        let span = u128::from(greatest.abs_diff(least)) + 1;
        let step = i128::try_from(u128::from(self.any()) % span).unwrap();
        i64::try_from(i128::from(least) + step).unwrap()
    }

    /// A short text.
    pub(super) fn text(&mut self) -> String {
        (0..self.below(12)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    /// Of any size: small numbers as often as great ones.
    fn integer(&mut self) -> i64 {
        let shift = self.below(64);
        i64::from_ne_bytes(self.any().to_ne_bytes()) >> shift
    }

    fn decimal(&mut self) -> String {
        let sign = if self.below(2) == 0 { "-" } else { "" };
        let digits = |count: usize, chance: &mut Self| -> String {
            (0..count).map(|_| char::from(b'0' + u8::try_from(chance.below(10)).unwrap())).collect()
        };
        let (before, behind) = (self.below(30), self.below(30));
        let whole = format!("1{}", digits(before, self));
        let fraction = if behind == 0 { String::new() } else { format!(".{}", digits(behind, self)) };
        let exponent = if self.below(3) == 0 { format!("e{}", self.within(-60, 60)) } else { String::new() };
        format!("{sign}{whole}{fraction}{exponent}")
    }

    fn document(&mut self, depth: usize) -> String {
        let kinds = if depth == 0 { 4 } else { 6 };
        match self.below(kinds) {
            0 => "null".to_owned(),
            1 => if self.below(2) == 0 { "true" } else { "false" }.to_owned(),
            2 => self.decimal(),
            3 => quoted(&self.text()),
            4 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.document(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => {
                let entries: Vec<String> = (0..self.below(4))
                    .map(|_| format!("{}:{}", quoted(&self.text()), self.document(depth - 1)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    /// A value of a type, never null.
    pub(super) fn single(&mut self, base: BaseType) -> String {
        match base {
            BaseType::Text => quoted(&self.text()),
            BaseType::Integer => self.integer().to_string(),
            BaseType::Decimal => self.decimal(),
            BaseType::Boolean => (self.below(2) == 0).to_string(),
            BaseType::Timestamp => {
                quoted(&timestamp::format(self.within(timestamp::MICROS_MIN, timestamp::MICROS_MAX)))
            }
            BaseType::Date => quoted(&date::format(self.within(-719_162, 2_932_896))),
            BaseType::Uuid => quoted(&uuid::Uuid::from_u64_pair(self.any(), self.any()).to_string()),
            BaseType::Json => self.document(3),
        }
    }

    /// A value of a type, one in six null.
    pub(super) fn value(&mut self, base: BaseType, is_array: bool) -> String {
        if self.below(6) == 0 {
            return "null".to_owned();
        }
        if !is_array {
            return self.single(base);
        }
        let element = |chance: &mut Self| {
            if chance.below(4) == 0 { "null".to_owned() } else { chance.single(base) }
        };
        let elements: Vec<String> = (0..self.below(5)).map(|_| element(self)).collect();
        format!("[{}]", elements.join(","))
    }

    /// A line of the awkward table with any values.
    pub(super) fn line(&mut self, number: usize) -> String {
        let mut line = format!("{{\"id\":{}", quoted(&format!("{number}{}", self.id_end())));
        for field in FIELDS {
            if self.below(8) > 0 {
                let base = field.field_type.column_type(field.is_array).base;
                line.push_str(&format!(",\"{}\":{}", field.name, self.value(base, field.is_array)));
            }
        }
        line.push('}');
        line
    }

    /// Ids have no control characters.
    fn id_end(&mut self) -> String {
        self.text().chars().filter(|character| !character.is_control()).collect()
    }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
