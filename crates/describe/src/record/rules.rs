//! The rules of a field beyond its type, compiled once a model.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Number;
use serde_json::value::RawValue;

use super::FaultCode;
use crate::batch::Value;
use crate::field_type::{BaseType, ColumnType};
use crate::model::Field;
use crate::pattern;
use crate::record_json::write_value;
use crate::value::{CellValue, coerce, coerce_text, decimal, describe_raw};

/// Values of an enumeration that a message shows.
const SHOWN_VALUES_MAX: usize = 20;

/// What the values of a field, or the elements of its arrays, must keep to. Bounds hold for numbers by value
/// and for texts by length in characters; patterns for texts; enumerations for every type but JSON.
#[derive(Debug)]
pub(super) struct Rules {
    column_type: ColumnType,
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    pattern: Option<(String, Regex)>,
    allowed: Option<Allowed>,
}

#[derive(Debug)]
struct Bound {
    /// The bound in canonical form.
    decimal: String,
    /// The least whole number from the bound upwards, or the greatest from the bound downwards.
    whole: i128,
}

/// The values of an enumeration, sorted: finding one allocates nothing.
#[derive(Debug)]
struct Allowed {
    numbers: Vec<i64>,
    texts: Vec<String>,
    shown: String,
}

/// A rule that is broken, and the rest of a sentence that begins with the field.
pub(super) type Broken = (FaultCode, String);

impl Rules {
    /// The rules of a field; `None` where there is none to check.
    pub(super) fn of(field: &Field) -> Option<Self> {
        let column_type = field.column_type();
        let is_measured = matches!(column_type.base, BaseType::Integer | BaseType::Decimal | BaseType::Text);
        let is_matched = column_type.base == BaseType::Text;
        let bound = |number: &Option<Number>, up| {
            number.as_ref().filter(|_| is_measured).and_then(|number| Bound::new(number, up))
        };
        let rules = Self {
            column_type,
            minimum: bound(&field.minimum, true),
            maximum: bound(&field.maximum, false),
            pattern: field
                .pattern
                .as_ref()
                .filter(|_| is_matched)
                .and_then(|text| Some((text.clone(), pattern::compile(text).ok()?))),
            allowed: field.enum_values.as_ref().and_then(|values| Allowed::new(column_type.base, values)),
        };
        let is_empty = rules.minimum.is_none()
            && rules.maximum.is_none()
            && rules.pattern.is_none()
            && rules.allowed.is_none();
        (!is_empty).then_some(rules)
    }

    /// Checks a value of the field; nulls keep every rule.
    pub(super) fn check(&self, value: Value<'_>, broken: &mut Vec<Broken>) {
        match value {
            Value::Absent | Value::Null => {}
            Value::Text(text) if self.column_type.array => self.check_elements(text, broken),
            _ => self.check_one(value, broken),
        }
    }

    fn check_elements(&self, array: &str, broken: &mut Vec<Broken>) {
        let base = ColumnType { base: self.column_type.base, array: false };
        let elements: Vec<&RawValue> = serde_json::from_str(array).unwrap_or_default();
        for element in elements {
            let before = broken.len();
            if let Ok(value) = coerce(base, element.get())
                && value != CellValue::Null
            {
                self.check_one(value.as_value(), broken);
            }
            if broken.len() > before {
                return;
            }
        }
    }

    fn check_one(&self, value: Value<'_>, broken: &mut Vec<Broken>) {
        if let Some(bound) = &self.minimum
            && let Some(got) = bound.breach(self.column_type.base, value, Ordering::Less)
        {
            broken.push((
                FaultCode::Minimum,
                format!("must {} at least {}; got {got}", self.verb(), bound.shown(self.column_type.base)),
            ));
        }
        if let Some(bound) = &self.maximum
            && let Some(got) = bound.breach(self.column_type.base, value, Ordering::Greater)
        {
            broken.push((
                FaultCode::Maximum,
                format!("must {} at most {}; got {got}", self.verb(), bound.shown(self.column_type.base)),
            ));
        }
        if let (Some((source, regex)), Value::Text(text)) = (&self.pattern, value)
            && !regex.is_match(text)
        {
            broken.push((
                FaultCode::Pattern,
                format!("must match the pattern {source}; got {}", self.shown(value)),
            ));
        }
        if let Some(allowed) = &self.allowed
            && !allowed.contains(value)
        {
            broken.push((
                FaultCode::EnumValues,
                format!("must be one of {}; got {}", allowed.shown, self.shown(value)),
            ));
        }
    }

    const fn verb(&self) -> &'static str {
        match self.column_type.base {
            BaseType::Text => "have",
            _ => "be",
        }
    }

    fn shown(&self, value: Value<'_>) -> String {
        let mut raw = String::new();
        write_value(ColumnType { base: self.column_type.base, array: false }, value, &mut raw);
        describe_raw(&raw)
    }
}

impl Bound {
    fn new(number: &Number, up: bool) -> Option<Self> {
        let decimal = decimal::canonical(&number.to_string()).ok()?;
        let whole = match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => i128::from(whole),
            (None, Some(whole), _) => i128::from(whole),
            (None, None, Some(number)) => whole_of(if up { number.ceil() } else { number.floor() }),
            (None, None, None) => return None,
        };
        Some(Self { decimal, whole })
    }

    /// What is on the wrong side of the bound, as text; `None` where nothing is.
    fn breach(&self, base: BaseType, value: Value<'_>, wrong: Ordering) -> Option<String> {
        match (base, value) {
            (BaseType::Integer, Value::Int(number)) => {
                (i128::from(number).cmp(&self.whole) == wrong).then(|| number.to_string())
            }
            (BaseType::Decimal, Value::Text(number)) => {
                (decimal::compare(number, &self.decimal) == wrong).then(|| crate::value::shorten(number))
            }
            (BaseType::Text, Value::Text(text)) => {
                let length = text.chars().count();
                (i128::try_from(length).ok()?.cmp(&self.whole) == wrong).then(|| length.to_string())
            }
            _ => None,
        }
    }

    fn shown(&self, base: BaseType) -> String {
        match base {
            BaseType::Text => format!("{} characters", self.decimal),
            _ => self.decimal.clone(),
        }
    }
}

/// A float without fraction as a whole number; saturates far beyond any value that is compared with it.
#[allow(clippy::cast_possible_truncation, reason = "saturation is wanted")]
fn whole_of(number: f64) -> i128 {
    number as i128
}

impl Allowed {
    fn new(base: BaseType, values: &[String]) -> Option<Self> {
        if base == BaseType::Json {
            return None;
        }
        let column_type = ColumnType { base, array: false };
        let shown: Vec<String> = values
            .iter()
            .take(SHOWN_VALUES_MAX)
            .map(|value| format!("'{}'", crate::value::shorten(value)))
            .collect();
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for value in values {
            match coerce_text(column_type, value) {
                Ok(CellValue::Int(number)) => numbers.push(number),
                Ok(CellValue::Text(text)) => texts.push(text),
                Ok(CellValue::Null) | Err(_) => {}
            }
        }
        numbers.sort_unstable();
        texts.sort_unstable();
        let more = if values.len() > SHOWN_VALUES_MAX { ", …" } else { "" };
        Some(Self { numbers, texts, shown: format!("{}{more}", shown.join(", ")) })
    }

    fn contains(&self, value: Value<'_>) -> bool {
        match value {
            Value::Absent | Value::Null => true,
            Value::Int(number) => self.numbers.binary_search(&number).is_ok(),
            Value::Text(text) => self.texts.binary_search_by(|allowed| allowed.as_str().cmp(text)).is_ok(),
        }
    }
}
