//! The parser of records, made once for a model.
//!
//! A line is read once, straight into cells, by [`super::quick`] where nothing about it is out of the ordinary.
//! What that does not take is read again here: this way knows all of JSON and every fault, and says what is valid.
//! Values are taken over as slices of the line and coerced by the column's type, so that numbers keep their digits
//! and no tree of values is built. The next key is guessed from the line before; only a wrong guess costs a look-up.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::builder;
use super::plan::{Fill, Plan, Scratch, arena_end_max, push_text, text_cell};
use super::{
    AccessListMode, BatchBuilder, FaultCode, IdMode, ParseOptions, Parsed, ParserError, RecordFault, quick,
};
use crate::batch::{Cell, Value};
use crate::layout::Layout;
use crate::system::position;
use crate::value::{CellValue, Coerced, coerce_into, describe_raw, shorten, text_into};

/// Longest id in characters.
pub const ID_CHARS_MAX: usize = 255;

/// Reads records of one model.
#[derive(Debug)]
pub struct RecordParser {
    plan: Plan,
    options: ParseOptions,
    scratch: Scratch,
    is_quick: bool,
}

impl RecordParser {
    /// A parser for records of the model behind `layout`. Patterns that cannot be compiled are not enforced
    /// ([`crate::parse_describe`] warns of them).
    ///
    /// # Errors
    /// [`ParserError`] where the model's own definition does not hold together.
    pub fn new(layout: Arc<Layout>, options: ParseOptions) -> Result<Self, ParserError> {
        let plan = Plan::new(layout, options.access_lists)?;
        let scratch = Scratch::new(plan.columns.len());
        Ok(Self { plan, options, scratch, is_quick: true })
    }

    /// Whether a line is tried in one pass first, as it is from the start. What comes out is the same either way:
    /// this is here to be compared and measured.
    #[doc(hidden)]
    pub fn set_quick(&mut self, is_quick: bool) {
        self.is_quick = is_quick;
    }

    /// Reads one record from the text of a JSON object and adds it to `out`, which must have been made for
    /// the same layout. `line_number` goes into the row and into faults; `ids` is asked for an id where the
    /// record has none.
    ///
    /// # Errors
    /// Every fault of the record; `out` is unchanged then. A syntax error comes alone.
    pub fn parse(
        &mut self,
        line: &str,
        line_number: u64,
        ids: &dyn Fn() -> String,
        out: &mut BatchBuilder,
    ) -> Result<Parsed, Vec<RecordFault>> {
        let mark = out.mark();
        self.scratch.clear();
        let mut faults = Vec::new();
        let is_read = self.is_quick && quick::read(line, &self.plan, &mut self.scratch, out.arena_mut());
        if !is_read {
            out.roll_back(mark);
            self.scratch.clear();
            faults = self.read(line, out);
        }
        if faults.is_empty() {
            let generated_id = self.fill_in(ids, out.arena_mut(), &mut faults);
            if faults.is_empty() {
                let required = |column: usize| self.plan.columns.get(column).is_some_and(|c| c.required);
                if out.push_row(&self.scratch.row, line_number, &self.scratch.named, required) {
                    return Ok(Parsed::Added { generated_id });
                }
                out.roll_back(mark);
                return Ok(Parsed::NextBatch);
            }
        }
        let id = self.scratch.row.first().and_then(|cell| out.text(*cell)).map(str::to_owned);
        for fault in &mut faults {
            fault.line = line_number;
            fault.record_id.clone_from(&id);
        }
        out.roll_back(mark);
        Err(faults)
    }

    /// Reads the keys and values of the line into the row.
    fn read(&mut self, line: &str, out: &mut BatchBuilder) -> Vec<RecordFault> {
        let mut faults = Vec::new();
        if !line.trim_start().starts_with('{') {
            faults.push(not_an_object(line));
            return faults;
        }
        let reader = RowReader {
            plan: &self.plan,
            scratch: &mut self.scratch,
            arena_end_max: arena_end_max(out.mark(), line),
            arena: out.arena_mut(),
            faults: &mut faults,
        };
        let mut deserializer = serde_json::Deserializer::from_str(line);
        if let Err(error) = reader.deserialize(&mut deserializer).and_then(|()| deserializer.end()) {
            self.scratch.row.fill(Cell::Absent);
            faults.clear();
            faults.push(syntax_fault(&error));
        }
        faults
    }

    /// Gives the row what the line does not have; true where an id was made.
    fn fill_in(
        &mut self,
        ids: &dyn Fn() -> String,
        arena: &mut String,
        faults: &mut Vec<RecordFault>,
    ) -> bool {
        let mut generated_id = false;
        let mut empty_list = None;
        for (at, fill) in &self.plan.fills {
            let Some(cell) = self.scratch.row.get_mut(*at).filter(|cell| **cell == Cell::Absent) else {
                continue;
            };
            match fill {
                Fill::Id if self.options.id == IdMode::Required => {
                    faults.push(fault(Some("id"), FaultCode::IdInvalid, "Field 'id' is missing".to_owned()));
                    return false;
                }
                Fill::Id => {
                    generated_id = true;
                    *cell = push_text(arena, &ids());
                }
                // The lists follow one another: nothing else is appended between them, and one text serves them all.
                Fill::EmptyList => {
                    let start = *empty_list.get_or_insert(arena.len());
                    if start == arena.len() {
                        arena.push_str("[]");
                    }
                    *cell = text_cell(arena, start);
                }
                Fill::Now => *cell = Cell::Int(self.options.now_micros),
                Fill::Value(CellValue::Null) => *cell = Cell::Null,
                Fill::Value(CellValue::Int(number)) => *cell = Cell::Int(*number),
                Fill::Value(CellValue::Text(text)) => *cell = push_text(arena, text),
            }
        }
        generated_id
    }
}

fn fault(field: Option<&str>, code: FaultCode, message: String) -> RecordFault {
    RecordFault { line: 0, record_id: None, field: field.map(str::to_owned), code, message }
}

fn not_an_object(line: &str) -> RecordFault {
    match serde_json::from_str::<&RawValue>(line) {
        Ok(raw) => fault(
            None,
            FaultCode::NotAnObject,
            format!("A record is a JSON object; got {}", describe_raw(raw.get())),
        ),
        Err(error) => syntax_fault(&error),
    }
}

fn syntax_fault(error: &serde_json::Error) -> RecordFault {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    fault(None, FaultCode::JsonInvalid, format!("Not valid JSON at column {}: {what}", error.column()))
}

/// Faults told of one record: one for each key of a line of megabytes would be more than the line itself.
const FAULTS_MAX: usize = 100;

/// Reads one object into the row.
struct RowReader<'a> {
    plan: &'a Plan,
    scratch: &'a mut Scratch,
    arena: &'a mut String,
    /// The end of the text at which the record takes too much.
    arena_end_max: usize,
    faults: &'a mut Vec<RecordFault>,
}

impl<'de> DeserializeSeed<'de> for RowReader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowReader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let mut before = self.plan.columns.len();
        loop {
            let guess = self.scratch.next.get(before).copied().unwrap_or_default();
            match entries.next_key_seed(KeyReader { plan: self.plan, guess })? {
                None => return Ok(()),
                Some(Key::Unknown(key)) => {
                    entries.next_value::<IgnoredAny>()?;
                    if self.faults.len() >= FAULTS_MAX {
                        continue;
                    }
                    let message = format!(
                        "'{}' is neither a field of model '{}' nor a system column",
                        shorten(&key),
                        self.plan.layout.model().name
                    );
                    self.faults.push(fault(Some(&key), FaultCode::UnknownKey, message));
                }
                Some(Key::Column(at)) => {
                    if at != guess
                        && let Some(next) = self.scratch.next.get_mut(before)
                    {
                        *next = at;
                    }
                    before = at;
                    let raw: &RawValue = entries.next_value()?;
                    if self.faults.len() < FAULTS_MAX {
                        self.take(at, raw.get());
                    }
                }
            }
        }
    }
}

impl RowReader<'_> {
    /// Puts one value into the row.
    fn take(&mut self, at: usize, raw: &str) {
        let (Some(column), Some(cell)) = (self.plan.columns.get(at), self.scratch.row.get_mut(at)) else {
            return;
        };
        if *cell != Cell::Absent {
            let message = format!("Key '{}' occurs twice", column.name);
            self.faults.push(fault(Some(&column.name), FaultCode::JsonInvalid, message));
            return;
        }
        let is_null = raw == "null";
        match at {
            position::ID => return self.take_id(raw),
            position::ACCESS_READ..=position::ACCESS_DENY
                if self.plan.access_lists == AccessListMode::Ignore =>
            {
                return;
            }
            // An empty list is what no list means; a record always has these two times.
            position::ACCESS_READ..=position::ACCESS_DENY if is_null => *cell = push_text(self.arena, "[]"),
            position::CREATED_AT | position::UPDATED_AT if is_null => return,
            _ if is_null && column.required => {
                let message = format!("Field '{}' is required", column.name);
                self.faults.push(fault(Some(&column.name), FaultCode::Required, message));
                return;
            }
            _ => {
                let start = self.arena.len();
                if start > self.arena_end_max {
                    let message =
                        format!("Field '{}' makes the record too large: numbers written out", column.name);
                    self.faults.push(fault(Some(&column.name), FaultCode::TypeMismatch, message));
                    return;
                }
                match coerce_into(column.column_type, raw, self.arena) {
                    Ok(Coerced::Null) => *cell = Cell::Null,
                    Ok(Coerced::Int(number)) => *cell = Cell::Int(number),
                    Ok(Coerced::Text) => *cell = text_cell(self.arena, start),
                    Err(why) => {
                        let message = format!("Field '{}' {}", column.name, why.message);
                        self.faults.push(fault(Some(&column.name), FaultCode::TypeMismatch, message));
                        return;
                    }
                }
            }
        }
        builder::insert(&mut self.scratch.named, at);
        if let Some(rules) = &column.rules {
            let value = match *cell {
                Cell::Int(number) => Value::Int(number),
                cell => builder::cell_text(self.arena, cell).map_or(Value::Null, Value::Text),
            };
            rules.check(value, &mut self.scratch.broken);
            for (code, message) in self.scratch.broken.drain(..) {
                self.faults.push(fault(
                    Some(&column.name),
                    code,
                    format!("Field '{}' {message}", column.name),
                ));
            }
        }
    }

    fn take_id(&mut self, raw: &str) {
        let start = self.arena.len();
        if let Err(message) = id_into(raw, self.arena) {
            self.arena.truncate(start);
            self.faults.push(fault(Some("id"), FaultCode::IdInvalid, message));
        } else if let Some(cell) = self.scratch.row.get_mut(position::ID) {
            *cell = text_cell(self.arena, start);
            builder::insert(&mut self.scratch.named, position::ID);
        }
    }
}

/// Appends the text of an id.
fn id_into(raw: &str, arena: &mut String) -> Result<(), String> {
    if !raw.starts_with('"') {
        return Err(format!("Field 'id' must be a string; got {}", describe_raw(raw)));
    }
    let start = arena.len();
    text_into(raw, arena).map_err(|why| format!("Field 'id' {}", why.message))?;
    check_id(arena.get(start..).unwrap_or_default())
}

/// Checks that a text can be the id of a record: 1 to [`ID_CHARS_MAX`] characters, none of them a control
/// character.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() || (id.len() > ID_CHARS_MAX && id.chars().count() > ID_CHARS_MAX) {
        return Err(format!("Field 'id' must have 1 to {ID_CHARS_MAX} characters"));
    }
    // Control characters are the ASCII ones and those that UTF-8 begins with 0xC2.
    let may_be_control = |byte: u8| byte < 0x20 || byte == 0x7f || byte == 0xc2;
    // Without a way out of the loop the compiler compares many bytes at once.
    let suspect = id.bytes().fold(false, |found, byte| found | may_be_control(byte));
    if suspect && id.chars().any(char::is_control) {
        return Err("Field 'id' holds a control character".to_owned());
    }
    Ok(())
}

/// Reads a key as a column.
struct KeyReader<'a> {
    plan: &'a Plan,
    guess: usize,
}

enum Key {
    Column(usize),
    Unknown(String),
}

impl<'de> DeserializeSeed<'de> for KeyReader<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyReader<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        if self.plan.columns.get(self.guess).is_some_and(|column| *column.name == *key) {
            return Ok(Key::Column(self.guess));
        }
        Ok(self.plan.position(key).map_or_else(|| Key::Unknown(key.to_owned()), Key::Column))
    }
}
