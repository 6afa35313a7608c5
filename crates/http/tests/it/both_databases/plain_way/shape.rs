//! Models made by chance, and values that mostly keep their rules.

use proptest::prelude::*;
use reinstate_describe::{BaseType, Field, FieldType, Model, Name};
use serde_json::json;

use crate::both_databases::awkward::FIELDS;
use crate::both_databases::generated::{Chance, quoted};

/// Characters of the longest text that a bounded field takes.
const BOUNDED_CHARS_MAX: usize = 12;

/// What a text must match where there is a pattern.
const PATTERN: &str = "^[a-zé ]+$";

/// The texts of an enumeration; the numbers fit every kind of number.
const ALLOWED_TEXTS: &[&str] = &["red", "grün", "blue, {x}", "it's"];
const ALLOWED_NUMBERS: &[&str] = &["1", "2", "-30"];

/// A model.
#[derive(Debug, Clone)]
pub(super) struct ModelShape {
    pub(super) name: &'static str,
    pub(super) fields: Vec<FieldShape>,
    is_immutable: bool,
    is_frozen: bool,
}

/// A field. Where two unique ones refuse a record it is a database's own choice which of them it names, so that a
/// model has one at most.
#[derive(Debug, Clone)]
pub(super) struct FieldShape {
    pub(super) field_type: FieldType,
    pub(super) is_array: bool,
    rule: Rule,
    index: Index,
    required: bool,
    has_default: bool,
    is_immutable: bool,
    /// The first run whose archive has it.
    pub(super) since: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    None,
    Bounds,
    Pattern,
    Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    None,
    Plain,
    Unique,
}

fn seldom(weight: f64) -> impl Strategy<Value = bool> {
    prop::bool::weighted(weight)
}

fn field() -> impl Strategy<Value = FieldShape> {
    let kind = (prop::sample::select(FieldType::ALL.to_vec()), seldom(0.15));
    let rule = prop_oneof![
        4 => Just(Rule::None), 1 => Just(Rule::Bounds), 1 => Just(Rule::Pattern), 1 => Just(Rule::Allowed)
    ];
    let index = prop_oneof![4 => Just(Index::None), 2 => Just(Index::Plain), 1 => Just(Index::Unique)];
    let flags = (seldom(0.15), seldom(0.2), seldom(0.05));
    let since = prop_oneof![8 => Just(0_usize), 2 => 1..3_usize];
    (kind, rule, index, flags, since).prop_map(|(kind, rule, index, flags, since)| {
        let ((field_type, is_array), (required, has_default, is_immutable)) = (kind, flags);
        let is_plain = !field_type.column_type(is_array).array
            && field_type.column_type(is_array).base != BaseType::Json;
        let index = if is_plain { index } else { Index::None };
        FieldShape { field_type, is_array, rule, index, required, has_default, is_immutable, since }
    })
}

/// A model of that name.
pub(super) fn model(name: &'static str) -> impl Strategy<Value = ModelShape> {
    (prop::collection::vec(field(), 0..9), seldom(0.04), seldom(0.03)).prop_map(
        move |(mut fields, is_immutable, is_frozen)| {
            let unique = fields.iter_mut().filter(|field| field.index == Index::Unique);
            unique.skip(1).for_each(|field| field.index = Index::Plain);
            ModelShape { name, fields, is_immutable, is_frozen }
        },
    )
}

impl ModelShape {
    /// The model as the archive of that run describes it.
    pub(super) fn described(&self, run: usize) -> Model {
        let mut model = Model::new(Name::new(self.name).unwrap());
        (model.immutable, model.frozen) = (self.is_immutable, self.is_frozen);
        let fields = self.fields.iter().enumerate().filter(|(_, field)| field.since <= run);
        fields.map(|(number, field)| field.described(number)).fold(model, Model::with_field)
    }
}

impl FieldShape {
    fn base(&self) -> BaseType {
        self.field_type.column_type(self.is_array).base
    }

    fn is_list(&self) -> bool {
        self.field_type.column_type(self.is_array).array
    }

    fn is_unique(&self) -> bool {
        self.index == Index::Unique
    }

    fn described(&self, number: usize) -> Field {
        let mut field = Field::new(Name::new(format!("f{number}")).unwrap(), self.field_type);
        field.is_array = self.is_array;
        (field.unique, field.index) = (self.is_unique(), self.index == Index::Plain);
        (field.required, field.immutable) = (self.required, self.is_immutable);
        let is_text = self.base() == BaseType::Text;
        match self.rule_of_type() {
            Rule::Bounds => {
                field.minimum = Some(if is_text { 1.into() } else { (-50).into() });
                field.maximum = Some(if is_text { BOUNDED_CHARS_MAX.into() } else { 50.into() });
            }
            Rule::Pattern => field.pattern = Some(PATTERN.to_owned()),
            Rule::Allowed => {
                let allowed = if is_text { ALLOWED_TEXTS } else { ALLOWED_NUMBERS };
                field.enum_values = Some(allowed.iter().map(|text| (*text).to_owned()).collect());
            }
            Rule::None => {}
        }
        if self.has_default && !self.is_unique() && !self.is_list() {
            field.default_value = Some(match self.base() {
                BaseType::Text => json!("red"),
                BaseType::Integer | BaseType::Decimal => json!("1"),
                BaseType::Boolean => json!(true),
                BaseType::Timestamp | BaseType::Date => json!("2024-02-29"),
                BaseType::Uuid => json!("A0EEBC999C0B4EF8BB6D6BB9BD380A11"),
                BaseType::Json => json!({ "z": [1, null], "a": "ü" }),
            });
        }
        field
    }

    /// The rule, where the type has such. A unique field has none: its values tell records apart.
    fn rule_of_type(&self) -> Rule {
        let is_number = matches!(self.base(), BaseType::Integer | BaseType::Decimal);
        match (self.base(), self.rule) {
            (_, Rule::None) => Rule::None,
            _ if self.is_unique() => Rule::None,
            (BaseType::Text, rule) => rule,
            (_, Rule::Bounds | Rule::Allowed) if is_number => self.rule,
            _ => Rule::None,
        }
    }

    /// A value as JSON, the same for the same seed. `owner` is the number of the record: unique values follow it but
    /// for a few.
    pub(super) fn value(&self, seed: u64, owner: u64) -> String {
        let nulls_one_in = if self.required { 1_331 } else { 11 };
        if seed.is_multiple_of(nulls_one_in) {
            return "null".to_owned();
        }
        if self.is_unique() {
            let number = if seed.is_multiple_of(97) { seed % 7 } else { 10 + owner * 2 + seed % 2 };
            return self.unique(number, seed.is_multiple_of(3));
        }
        if !self.is_list() {
            return self.single(seed);
        }
        let elements: Vec<_> = (0..seed % 4).map(|place| self.element(seed, place)).collect();
        format!("[{}]", elements.join(","))
    }

    fn element(&self, seed: u64, place: u64) -> String {
        let seed = seed.wrapping_mul(31).wrapping_add(place * 7_919);
        if seed.is_multiple_of(5) { "null".to_owned() } else { self.single(seed) }
    }

    /// The value of a number, in one of two spellings.
    fn unique(&self, number: u64, is_other: bool) -> String {
        let spelled = |plain: String, other: String| if is_other { other } else { plain };
        match self.base() {
            BaseType::Integer => spelled(number.to_string(), format!("\"{number}\"")),
            BaseType::Decimal => spelled(format!("{number}.5"), format!("\"{number}.50\"")),
            BaseType::Timestamp => {
                let (minute, second) = (number / 60 % 60, number % 60);
                spelled(
                    format!("\"2024-03-01T10:{minute:02}:{second:02}Z\""),
                    format!("\"2024-03-01 12:{minute:02}:{second:02}.000+02:00\""),
                )
            }
            BaseType::Date => format!("\"20{:02}-02-{:02}\"", number / 28 % 100, 1 + number % 28),
            BaseType::Uuid => spelled(
                format!("\"0a94fdc2-fa2f-4cc0-81d3-ff1204{number:06x}\""),
                format!("\"0A94FDC2FA2F4CC081D3FF1204{number:06X}\""),
            ),
            BaseType::Boolean => spelled("true".to_owned(), "1".to_owned()),
            BaseType::Text | BaseType::Json => format!("\"ü{number}\""),
        }
    }

    fn single(&self, seed: u64) -> String {
        let pick = |values: &[&str]| values[usize::try_from(seed % values.len() as u64).unwrap()].to_owned();
        let is_text = self.base() == BaseType::Text;
        match self.rule_of_type() {
            Rule::Bounds if is_text => {
                let text: String = Chance::new(seed).text().chars().take(BOUNDED_CHARS_MAX - 1).collect();
                quoted(&format!("é{text}"))
            }
            Rule::Bounds => {
                let number = i64::try_from(seed % 101).unwrap() - 50;
                if seed.is_multiple_of(2) { number.to_string() } else { format!("\"{number}.0\"") }
            }
            Rule::Pattern => {
                let letters = ["a", "z", "é", " "];
                let letter = |place: u32| letters[usize::try_from(seed.rotate_right(place * 2) % 4).unwrap()];
                quoted(&(0..1 + u32::try_from(seed % 9).unwrap()).map(letter).collect::<String>())
            }
            Rule::Allowed if is_text => quoted(&pick(ALLOWED_TEXTS)),
            Rule::Allowed => pick(ALLOWED_NUMBERS),
            Rule::None if is_text && self.index == Index::None && seed.is_multiple_of(17) => {
                quoted(&"long ß ".repeat(usize::try_from(seed % 4_000).unwrap()))
            }
            Rule::None => self.any(seed),
        }
    }

    /// A value of the awkward table, or one by chance.
    fn any(&self, seed: u64) -> String {
        let base = self.base();
        let is_alike = |field: &&crate::both_databases::awkward::AwkwardField| {
            let column_type = field.field_type.column_type(field.is_array);
            column_type.base == base && !column_type.array
        };
        match FIELDS.iter().find(is_alike) {
            Some(field) if seed.is_multiple_of(2) => {
                field.values[usize::try_from(seed / 2 % field.values.len() as u64).unwrap()].to_owned()
            }
            _ => Chance::new(seed).single(base),
        }
    }
}
