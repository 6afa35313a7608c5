//! Ids and unique values that a table without keys holds already, as far as memory goes.
//!
//! A table that only the run writes is filled quickest without its keys. That is right as long as no id and no value
//! of a unique field comes twice. [`Seen`] watches for it in bounded memory and errs on one side only: where it
//! admits a batch, nothing in it was there before.
//!
//! - Values that only ever ascend cannot repeat. Texts are ordered by length first, so that numbers in texts ascend
//!   past a further digit.
//! - Other values are remembered by their hashes, until there are too many.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use reinstate_describe::{BaseType, Batch, ColumnType, Model, Name, Value};

/// Hashes that are kept whole, about 1 MiB of them. Values that ascend are remembered up to here, in case they stop
/// ascending soon.
const WHOLE_MAX: usize = 1 << 16;

/// Places for halves of hashes: 8 MiB, what a run may cost beside its batches.
const HALVES_PLACES: usize = 1 << 21;

/// Halves that are kept at most: with fewer places left a look takes long.
const HALVES_MAX: usize = HALVES_PLACES / 100 * 85;

/// Longest value of an index that PostgreSQL surely takes, in bytes: an entry has 2,704 in all. SQLite takes longer ones;
/// so long, its table is not filled without keys either.
const INDEXED_BYTES_MAX: usize = 2_000;

/// The same for a value whose form in the database is longer than its text, by eight times at most.
const INDEXED_LIST_BYTES_MAX: usize = 300;

/// What a table holds of ids and unique values.
#[derive(Debug)]
pub(super) struct Seen {
    watched: Vec<Watched>,
    hashes: Hashes,
    hasher: RandomState,
}

/// A column with an index.
#[derive(Debug)]
struct Watched {
    name: Name,
    bytes_max: usize,
    is_unique: bool,
    /// Values have only ascended.
    ascends: bool,
    /// All values are in the hashes.
    is_hashed: bool,
    greatest: Greatest,
}

/// The greatest value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Greatest {
    None,
    Int(i64),
    Text(String),
}

impl Seen {
    /// An empty table of a model; `None` where equal values of a unique field cannot be told by their texts.
    pub(super) fn nothing_of(model: &Model) -> Option<Self> {
        let mut watched = vec![Watched::new(Name::new("id").ok()?, true, INDEXED_BYTES_MAX)];
        for field in model.fields.values().filter(|field| field.unique || field.index) {
            let is_plain = is_plain(field.column_type());
            if field.unique && !is_plain {
                return None;
            }
            let bytes_max = if is_plain { INDEXED_BYTES_MAX } else { INDEXED_LIST_BYTES_MAX };
            watched.push(Watched::new(field.name.clone(), field.unique, bytes_max));
        }
        Some(Self { watched, hashes: Hashes::default(), hasher: RandomState::new() })
    }

    /// Whether surely none of the batch's ids is there.
    pub(super) fn knows_no_id_of(&self, batch: &Batch) -> bool {
        let Some(ids) = self.watched.first() else { return false };
        rows_in_order(batch).iter().all(|row| {
            let id = Value::Text(batch.id(*row));
            (ids.ascends && is_greater(id, ids.greatest.as_value()))
                || (ids.is_hashed && !self.hashes.has(self.hasher.hash_one((0_usize, batch.id(*row)))))
        })
    }

    /// Remembers a batch. False: something of it may be there already, or may be too long for an index; then no more
    /// may be asked.
    pub(super) fn admits(&mut self, batch: &Batch) -> bool {
        let rows = rows_in_order(batch);
        let Self { watched, hashes, hasher } = self;
        watched.iter_mut().enumerate().all(|(number, column)| {
            // A column that the file does not have is null in all its records.
            let Some(position) = batch.layout().position(column.name.as_str()) else { return true };
            let values = rows.iter().map(|row| batch.value(*row, position));
            column.admits(values, hashes, |value| match value {
                Value::Text(text) => hasher.hash_one((number, text)),
                Value::Int(int) => hasher.hash_one((number, int)),
                Value::Null | Value::Absent => 0,
            })
        })
    }
}

impl Watched {
    fn new(name: Name, is_unique: bool, bytes_max: usize) -> Self {
        Self { name, bytes_max, is_unique, ascends: true, is_hashed: true, greatest: Greatest::None }
    }

    fn admits<'a>(
        &mut self,
        values: impl Iterator<Item = Value<'a>>,
        hashes: &mut Hashes,
        hash: impl Fn(Value<'_>) -> u64,
    ) -> bool {
        let before = std::mem::replace(&mut self.greatest, Greatest::None);
        let mut greatest = before.as_value();
        for value in values.filter(|value| !matches!(value, Value::Null | Value::Absent)) {
            if matches!(value, Value::Text(text) if text.len() > self.bytes_max) {
                return false;
            }
            if !self.is_unique {
                continue;
            }
            if self.ascends && is_greater(value, greatest) {
                greatest = value;
                self.is_hashed = self.is_hashed && hashes.note(hash(value));
                continue;
            }
            self.ascends = false;
            if !self.is_hashed || !hashes.insert(hash(value)) {
                return false;
            }
        }
        self.greatest = Greatest::of(greatest);
        true
    }
}

impl Greatest {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Absent | Value::Null => Self::None,
            Value::Int(number) => Self::Int(number),
            Value::Text(text) => Self::Text(text.to_owned()),
        }
    }

    fn as_value(&self) -> Value<'_> {
        match self {
            Self::None => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// Whether values of the type are equal exactly where their cells are.
fn is_plain(column_type: ColumnType) -> bool {
    !column_type.array && column_type.base != BaseType::Json
}

fn is_greater(value: Value<'_>, than: Value<'_>) -> bool {
    match (value, than) {
        (_, Value::Null | Value::Absent) => true,
        (Value::Int(value), Value::Int(than)) => value > than,
        (Value::Text(value), Value::Text(than)) => (value.len(), value) > (than.len(), than),
        _ => false,
    }
}

/// The rows to write in the order of their lines, whatever groups they are in.
fn rows_in_order(batch: &Batch) -> Vec<u32> {
    let mut rows: Vec<u32> = batch.groups().iter().flat_map(|group| group.rows.iter().copied()).collect();
    rows.sort_unstable();
    rows
}

/// Hashes of values: few of them whole, many by their halves, one of which is the place and the other what stands
/// there. Two values with the same hash look like one, which is seldom and does no harm.
#[derive(Debug, Default)]
struct Hashes {
    whole: HashSet<u64>,
    halves: Vec<u32>,
    halves_count: usize,
}

impl Hashes {
    /// Adds a hash of which nobody asks whether it is there; false where there is no room to spare.
    fn note(&mut self, hash: u64) -> bool {
        let has_room = self.halves.is_empty() && self.whole.len() < WHOLE_MAX;
        has_room && {
            self.whole.insert(hash);
            true
        }
    }

    /// Adds a hash; false where it may be there, or there is no room.
    fn insert(&mut self, hash: u64) -> bool {
        if self.halves.is_empty() {
            if self.whole.len() < WHOLE_MAX {
                return self.whole.insert(hash);
            }
            self.halves = vec![0; HALVES_PLACES];
            for hash in std::mem::take(&mut self.whole) {
                // Two of the same half stand for one.
                self.insert_half(hash);
            }
        }
        self.halves_count < HALVES_MAX && self.insert_half(hash)
    }

    fn insert_half(&mut self, hash: u64) -> bool {
        let (mut place, half) = Self::place_of(hash);
        while let Some(found) = self.halves.get_mut(place) {
            if *found == half {
                return false;
            }
            if *found == 0 {
                *found = half;
                self.halves_count += 1;
                return true;
            }
            place = (place + 1) % HALVES_PLACES;
        }
        false
    }

    fn has(&self, hash: u64) -> bool {
        if self.halves.is_empty() {
            return self.whole.contains(&hash);
        }
        let (mut place, half) = Self::place_of(hash);
        while let Some(found) = self.halves.get(place).filter(|found| **found != 0) {
            if *found == half {
                return true;
            }
            place = (place + 1) % HALVES_PLACES;
        }
        false
    }

    /// Where a hash stands, and what stands there; 0 is an empty place.
    #[allow(clippy::cast_possible_truncation, reason = "a half of the hash is what is wanted")]
    fn place_of(hash: u64) -> (usize, u32) {
        ((hash >> 32) as usize % HALVES_PLACES, (hash as u32).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use reinstate_describe::{Cell, Field, FieldType, Layout, RowGroup};

    use super::*;

    fn model() -> Model {
        let mut code = Field::new(Name::new("code").unwrap(), FieldType::Integer);
        code.unique = true;
        let mut note = Field::new(Name::new("note").unwrap(), FieldType::TextArray);
        note.index = true;
        Model::new(Name::new("m").unwrap()).with_field(code).with_field(note)
    }

    fn batch(rows: &[(&str, Option<i64>, &str)]) -> Batch {
        let layout = Arc::new(Layout::new(model()));
        let (mut arena, mut cells) = (String::new(), Vec::new());
        for (id, code, note) in rows {
            let mut text = |text: &str| {
                arena.push_str(text);
                let len = u32::try_from(text.len()).unwrap();
                Cell::Text { start: u32::try_from(arena.len()).unwrap() - len, len }
            };
            let row = cells.len();
            cells.resize(row + layout.len(), Cell::Absent);
            cells[row] = text(id);
            cells[row + layout.len() - 2] = code.map_or(Cell::Null, Cell::Int);
            cells[row + layout.len() - 1] = text(note);
        }
        let group = RowGroup {
            columns: vec![0, layout.len() - 2, layout.len() - 1],
            updates: Vec::new(),
            lacks: None,
            rows: (0..u32::try_from(rows.len()).unwrap()).collect(),
        };
        let lines = (1..=rows.len() as u64).collect();
        Batch::new(layout, arena, cells, lines, vec![group])
    }

    fn seen() -> Seen {
        Seen::nothing_of(&model()).unwrap()
    }

    #[test]
    fn ids_that_ascend_are_admitted_and_known() {
        let mut seen = seen();
        assert!(seen.admits(&batch(&[("9", None, ""), ("10", None, "")])));
        assert!(!seen.knows_no_id_of(&batch(&[("9", None, "")])));
        assert!(seen.knows_no_id_of(&batch(&[("11", None, "")])));
        assert!(seen.admits(&batch(&[("11", None, ""), ("8", None, "")])));
        assert!(!seen.admits(&batch(&[("12", None, ""), ("9", None, "")])));
    }

    #[test]
    fn unique_values_that_come_again_are_not_admitted_and_nulls_are() {
        let mut seen = seen();
        assert!(seen.admits(&batch(&[("a", Some(3), ""), ("b", None, ""), ("c", None, "")])));
        assert!(seen.admits(&batch(&[("d", Some(1), "")])));
        assert!(!seen.admits(&batch(&[("e", Some(3), "")])));
        let mut seen = self::seen();
        assert!(!seen.admits(&batch(&[("a", Some(3), ""), ("b", Some(3), "")])));
    }

    #[test]
    fn values_that_an_index_may_not_take_are_not_admitted() {
        assert!(!seen().admits(&batch(&[(&"x".repeat(INDEXED_BYTES_MAX + 1), None, "")])));
        assert!(!seen().admits(&batch(&[("a", None, &"x".repeat(INDEXED_LIST_BYTES_MAX + 1))])));
    }

    #[test]
    fn models_whose_unique_values_have_many_texts_are_not_watched() {
        let mut model = model();
        model.fields.values_mut().for_each(|field| field.unique = true);
        assert!(Seen::nothing_of(&model).is_none());
    }

    #[test]
    fn values_that_ascended_for_long_are_not_trusted_once_they_stop() {
        let count = i64::try_from(WHOLE_MAX).unwrap();
        let mut column = Watched::new(Name::new("id").unwrap(), true, INDEXED_BYTES_MAX);
        let mut hashes = Hashes::default();
        let hash = |value: Value<'_>| match value {
            Value::Int(number) => number.unsigned_abs(),
            _ => 0,
        };
        assert!(column.admits((0..=count).map(Value::Int), &mut hashes, hash));
        assert!(column.admits([count + 1].map(Value::Int).into_iter(), &mut hashes, hash));
        assert!(!column.admits([-1].map(Value::Int).into_iter(), &mut hashes, hash));
    }

    #[test]
    fn hashes_end_when_their_places_are_taken() {
        let mut hashes = Hashes::default();
        let mut mixed = 1_u64;
        let mut inserted = 0_usize;
        while inserted < HALVES_MAX {
            mixed = mixed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            inserted += usize::from(hashes.insert(mixed));
            assert!(hashes.has(mixed));
        }
        assert!(!hashes.insert(7));
    }

    proptest! {
        #[test]
        fn whatever_comes_twice_is_noticed(batches in prop::collection::vec(prop::collection::btree_set(0..60_u8, 1..8), 1..8)) {
            let (mut seen, mut written) = (seen(), HashSet::new());
            for ids in batches {
                let repeats = ids.iter().any(|id| written.contains(id));
                let names: Vec<_> = ids.iter().map(|id| format!("{:x}", id.reverse_bits())).collect();
                let rows: Vec<_> = names.iter().map(|name| (name.as_str(), None, "")).collect();
                prop_assert_eq!(seen.knows_no_id_of(&batch(&rows)), !repeats);
                prop_assert_eq!(seen.admits(&batch(&rows)), !repeats);
                if repeats {
                    break;
                }
                written.extend(ids);
            }
        }
    }
}
