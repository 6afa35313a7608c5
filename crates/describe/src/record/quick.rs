//! The quick way through a line: one pass from text to cells, for lines in which nothing is out of the ordinary.
//!
//! It never says what is wrong. Whatever it does not take — a fault, or JSON that is valid and rare — is read again
//! from the start by [`super::RecordParser`], which is the measure: what is taken here comes out as it would there.

use super::plan::{ColumnPlan, Plan, Scratch, arena_end_max, text_cell};
use super::scanner::Scanner;
use super::{AccessListMode, builder, check_id};
use crate::batch::{Cell, Value};
use crate::field_type::{BaseType, ColumnType};
use crate::system::position;
use crate::value::{Coerced, coerce_into, decimal, string_into, text_into};

/// Reads the keys and values of a line into the row; false where the line has to be read the other way. Then row and
/// arena hold a part of it.
pub(super) fn read(line: &str, plan: &Plan, scratch: &mut Scratch, arena: &mut String) -> bool {
    let arena_end_max = arena_end_max(arena.len(), line);
    QuickReader { plan, scratch, arena, arena_end_max, scanner: Scanner::new(line) }.object().is_some()
}

struct QuickReader<'a> {
    plan: &'a Plan,
    scratch: &'a mut Scratch,
    arena: &'a mut String,
    /// The end of the text at which the record takes too much.
    arena_end_max: usize,
    scanner: Scanner<'a>,
}

impl QuickReader<'_> {
    fn object(&mut self) -> Option<()> {
        self.scanner.blanks();
        self.scanner.take(b'{')?;
        self.scanner.blanks();
        if self.scanner.peek()? == b'}' {
            self.scanner.skip(1);
        } else {
            self.members()?;
        }
        self.scanner.blanks();
        self.scanner.rest().is_empty().then_some(())
    }

    fn members(&mut self) -> Option<()> {
        let mut before = self.plan.columns.len();
        loop {
            let at = self.key(before)?;
            before = at;
            self.scanner.blanks();
            self.member(at)?;
            self.scanner.blanks();
            match self.scanner.peek()? {
                b',' => self.scanner.skip(1),
                b'}' => {
                    self.scanner.skip(1);
                    return Some(());
                }
                _ => return None,
            }
            self.scanner.blanks();
        }
    }

    /// Takes a key and its colon: most likely the one that came after `before` in the last line.
    fn key(&mut self, before: usize) -> Option<usize> {
        let guess = self.scratch.next.get(before).copied().unwrap_or_default();
        let guessed =
            self.plan.columns.get(guess).and_then(|column| column.key.length_in(self.scanner.rest()));
        if let Some(length) = guessed {
            self.scanner.skip(length);
            return Some(guess);
        }
        let key = self.scanner.plain_string()?;
        self.scanner.blanks();
        self.scanner.take(b':')?;
        let at = self.plan.position(key)?;
        *self.scratch.next.get_mut(before)? = at;
        Some(at)
    }

    /// Puts one value into the row.
    fn member(&mut self, at: usize) -> Option<()> {
        let column = self.plan.columns.get(at)?;
        if *self.scratch.row.get(at)? != Cell::Absent || self.arena.len() > self.arena_end_max {
            return None;
        }
        let start = self.arena.len();
        let coerced = match at {
            position::ID => self.id()?,
            position::ACCESS_READ..=position::ACCESS_DENY
                if self.plan.access_lists == AccessListMode::Ignore =>
            {
                return self.scanner.value().map(drop);
            }
            _ if self.scanner.peek()? == b'n' => {
                self.scanner.word("null")?;
                match at {
                    position::ACCESS_READ..=position::ACCESS_DENY => self.push("[]"),
                    position::CREATED_AT | position::UPDATED_AT => return Some(()),
                    _ if column.required => return None,
                    _ => Coerced::Null,
                }
            }
            _ => self.value(column.column_type)?,
        };
        // Each kind is stored by itself: a cell that is put together first and then copied costs the processor a wait.
        let cell = self.scratch.row.get_mut(at)?;
        match coerced {
            Coerced::Null => *cell = Cell::Null,
            Coerced::Int(number) => *cell = Cell::Int(number),
            Coerced::Text => *cell = text_cell(self.arena, start),
        }
        builder::insert(&mut self.scratch.named, at);
        self.check(column, coerced, start)
    }

    /// Appends a text to the arena.
    fn push(&mut self, text: &str) -> Coerced {
        self.arena.push_str(text);
        Coerced::Text
    }

    fn id(&mut self) -> Option<Coerced> {
        let id = self.scanner.plain_string()?;
        check_id(id).ok()?;
        Some(self.push(id))
    }

    fn value(&mut self, column_type: ColumnType) -> Option<Coerced> {
        match column_type.base {
            base if column_type.array => self.list(base, column_type),
            BaseType::Json => self.json(column_type),
            BaseType::Text => self.text(),
            base => self.scalar(base),
        }
    }

    fn text(&mut self) -> Option<Coerced> {
        if let Some(text) = self.scanner.plain_string() {
            return Some(self.push(text));
        }
        let raw = self.scanner.escaped_string()?;
        text_into(raw, self.arena).ok()?;
        Some(Coerced::Text)
    }

    /// A value of a type other than text and JSON.
    fn scalar(&mut self, base: BaseType) -> Option<Coerced> {
        match (base, self.scanner.peek()?) {
            (base, b'"') => string_into(base, self.scanner.plain_string()?, self.arena).ok()?,
            (BaseType::Integer, _) => self.scanner.integer().map(Coerced::Int),
            (BaseType::Decimal, _) => {
                decimal::canonical_into(self.scanner.number()?, self.arena).ok()?;
                Some(Coerced::Text)
            }
            (BaseType::Boolean, b't') => self.scanner.word("true").map(|()| Coerced::Int(1)),
            (BaseType::Boolean, b'f') => self.scanner.word("false").map(|()| Coerced::Int(0)),
            _ => None,
        }
    }

    fn json(&mut self, column_type: ColumnType) -> Option<Coerced> {
        let taken = self.scanner.value()?;
        if taken.is_settled {
            return Some(self.push(taken.raw));
        }
        coerce_into(column_type, taken.raw, self.arena).ok()
    }

    fn list(&mut self, base: BaseType, column_type: ColumnType) -> Option<Coerced> {
        if self.scanner.word("[]").is_some() {
            return Some(self.push("[]"));
        }
        if base == BaseType::Text {
            return self.texts().map(|()| Coerced::Text);
        }
        let taken = self.scanner.value()?;
        coerce_into(column_type, taken.raw, self.arena).ok()
    }

    /// A list of strings without escapes: each is written as it is spelled.
    fn texts(&mut self) -> Option<()> {
        let mut opening = b'[';
        loop {
            self.scanner.take(opening)?;
            self.arena.push(char::from(opening));
            self.scanner.blanks();
            let text = self.scanner.plain_string()?;
            self.arena.push('"');
            self.arena.push_str(text);
            self.arena.push('"');
            self.scanner.blanks();
            if self.scanner.take(b']').is_some() {
                self.arena.push(']');
                return Some(());
            }
            opening = b',';
        }
    }

    /// Looks whether a value, its text from `start` on, keeps to the rules of its field.
    fn check(&mut self, column: &ColumnPlan, coerced: Coerced, start: usize) -> Option<()> {
        let Some(rules) = &column.rules else { return Some(()) };
        let value = match coerced {
            Coerced::Null => Value::Null,
            Coerced::Int(number) => Value::Int(number),
            Coerced::Text => Value::Text(self.arena.get(start..)?),
        };
        rules.check(value, &mut self.scratch.broken);
        if self.scratch.broken.is_empty() {
            return Some(());
        }
        self.scratch.broken.clear();
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::field_type::FieldType;
    use crate::layout::Layout;
    use crate::model::{Field, Model};
    use crate::name::Name;

    /// Whether a line is taken, of a model with a field of each type, named after it.
    fn is_taken(line: &str) -> bool {
        let name = |field_type: FieldType| field_type.as_str().replace("[]", "s");
        let field = |field_type| Field::new(Name::new(name(field_type)).unwrap(), field_type);
        let model = Model::new(Name::new("things").unwrap());
        let model = FieldType::ALL.into_iter().map(field).fold(model, Model::with_field);
        let plan = Plan::new(Arc::new(Layout::new(model)), AccessListMode::Keep).unwrap();
        let mut scratch = Scratch::new(plan.columns.len());
        read(line, &plan, &mut scratch, &mut String::new())
    }

    #[test]
    fn ordinary_lines_take_the_quick_way() {
        for line in [
            r#"{"id":"a","access_read":[],"created_at":"2025-01-19T10:00:00.000Z","text":"b","integer":1,"decimal":1.50,"boolean":true,"date":"2025-01-19","uuid":"11111111-aaaa-4111-8111-111111111abc","jsonb":{"a":[1,null]},"texts":["a"],"decimals":[1]}"#,
            r#" { "text" : "a\nb \u00e9" , "ID": "a", "jsonb": {"a": [1, "\u00e9"]}, "texts": [ "a", "b" ], "bigint": "123" } "#,
            "{}",
        ] {
            assert!(is_taken(line), "{line}");
        }
    }

    #[test]
    fn lines_with_faults_and_rare_spellings_do_not() {
        for line in [
            "",
            "[]",
            r#"{"id":"a""#,
            r#"{"id":"a"}}"#,
            r#"{"id":"a",}"#,
            r#"{"id":"a" "text":"b"}"#,
            r#"{"id":null}"#,
            r#"{"id":"a","nope":1}"#,
            r#"{"id":"a","id":"a"}"#,
            r#"{"id":"a","te\u0078t":"b"}"#,
            r#"{"id":"a","integer":1.0}"#,
            r#"{"id":"a","integer":"b"}"#,
            r#"{"id":"a","decimal":1e3}"#,
            r#"{"id":"a","text":1}"#,
        ] {
            assert!(!is_taken(line), "{line}");
        }
    }
}
