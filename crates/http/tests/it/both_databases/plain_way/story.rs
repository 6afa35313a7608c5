//! What happens to a tenant in a case: archives made by chance, restored one after the other.

use std::collections::HashSet;
use std::fmt;

use proptest::prelude::*;
use reinstate_describe::{AccessLevel, yaml::write_describe};
use reinstate_engine::Strategy as Restoring;

use super::Step;
use super::shape::{ModelShape, model};
use crate::both_databases::generated::quoted;
use crate::harness::archive_of;

/// Characters that a failure shows of a line.
const SHOWN_CHARS_MAX: usize = 400;

/// The names of a case's models.
const NAMES: [&str; 2] = ["things", "Others"];

/// Ids that sort, quote and encode in unexpected ways; the rest are numbers.
const IDS: [&str; 9] = ["a", "A", "10", "9", "ä/b?c", "it's", "\\", "😀", "\u{ffff}"];

/// System columns that lines may name, with values that lines choose from.
const SYSTEM: &[(&str, &[&str])] = &[
    ("created_at", &["\"2001-02-03T04:05:06.000007Z\"", "\"2020-01-01\""]),
    ("updated_at", &["\"1960-02-03T04:05:06.7+01:00\""]),
    ("trashed_at", &["\"2020-01-01T00:00:00.123456Z\"", "null"]),
    ("deleted_at", &["\"1999-12-31T23:00:00-01:00\"", "null"]),
    ("access_read", &["[]", "[\"ann\",\"groupe «é»\"]", "null"]),
    ("access_edit", &["[\"editors\",\"ann\"]", "[]"]),
    ("access_full", &["[\"bob\",\"it's, {x}\",\"ann\"]", "[\"ann\"]", "[]"]),
    ("access_deny", &["[]", "[]", "[\"eve\"]", "[]", "[\"ann\"]", "[]", "[]"]),
];

/// All that happens.
#[derive(Clone)]
pub(super) struct Story {
    models: Vec<ModelShape>,
    runs: Vec<Run>,
}

/// A restore.
#[derive(Debug, Clone)]
struct Run {
    strategy: Restoring,
    level: AccessLevel,
    /// Whether the archive's definitions are taken; the first run always takes them.
    describes: bool,
    /// One a model, where the archive has its file.
    files: Vec<Option<File>>,
}

/// A data file.
#[derive(Debug, Clone)]
struct File {
    /// For each set of keys: whether a field, or a system column behind them, is in it.
    key_sets: Vec<Vec<bool>>,
    lines: Vec<Line>,
    /// No id comes twice.
    is_distinct: bool,
    /// Ids that no other run has.
    is_apart: bool,
    fault: Option<(prop::sample::Index, u8)>,
}

#[derive(Debug, Clone)]
struct Line {
    owner: u16,
    key_set: prop::sample::Index,
    seed: u64,
}

fn file() -> impl Strategy<Value = File> {
    let keys = prop::collection::vec(prop::bool::weighted(0.75), 9 + SYSTEM.len()).prop_map(|mut keys| {
        // Most lines say little about themselves.
        keys.iter_mut().skip(9).enumerate().for_each(|(place, key)| *key &= place % 3 == 0);
        keys
    });
    let all_keys = prop::collection::vec(prop::bool::weighted(0.9), 9 + SYSTEM.len());
    let key_sets = prop::collection::vec(prop_oneof![5 => keys, 1 => all_keys], 1..4);
    let count = prop_oneof![2 => 0..4_usize, 3 => 4..20_usize, 4 => 20..90_usize, 1 => 90..260_usize];
    // Of few records most are there in the next run.
    let owners = prop::sample::select(vec![12_u16, 60, 120, 300]);
    let lines = (count, owners).prop_flat_map(|(count, owners)| {
        let line = (0..owners, any::<prop::sample::Index>(), 0..1_u64 << 40)
            .prop_map(|(owner, key_set, seed)| Line { owner, key_set, seed });
        prop::collection::vec(line, count)
    });
    let fault = prop::option::weighted(0.12, (any::<prop::sample::Index>(), 0..8_u8));
    (key_sets, lines, prop::bool::weighted(0.6), prop::bool::weighted(0.3), fault).prop_map(
        |(key_sets, lines, is_distinct, is_apart, fault)| File {
            key_sets,
            lines,
            is_distinct,
            is_apart,
            fault,
        },
    )
}

fn run() -> impl Strategy<Value = Run> {
    let strategy = prop_oneof![
        4 => Just(Restoring::Upsert), 2 => Just(Restoring::Replace), 2 => Just(Restoring::Sync),
        2 => Just(Restoring::Skip), 2 => Just(Restoring::Error), 1 => Just(Restoring::Merge)
    ];
    let level =
        prop_oneof![6 => Just(AccessLevel::Full), 2 => Just(AccessLevel::Root), 1 => Just(AccessLevel::Edit)];
    let files = prop::collection::vec(prop::option::weighted(0.9, file()), NAMES.len());
    (strategy, level, prop::bool::weighted(0.8), files).prop_map(|(strategy, level, describes, mut files)| {
        if matches!(strategy, Restoring::Replace | Restoring::Error | Restoring::Merge) {
            // A line that repeats an id ends such a run, which is enough now and then.
            let distinct = |file: &mut File| file.is_distinct |= !file.lines.len().is_multiple_of(4);
            files.iter_mut().flatten().for_each(distinct);
        }
        // Who may edit alone may not so much as ask for it.
        let level = if strategy == Restoring::Replace { level.max(AccessLevel::Full) } else { level };
        Run { strategy, level, describes, files }
    })
}

/// Stories of two to four runs.
pub(super) fn story() -> impl Strategy<Value = Story> {
    let models = (model(NAMES[0]), model(NAMES[1]), any::<bool>())
        .prop_map(|(first, second, both)| if both { vec![first, second] } else { vec![first] });
    (models, prop::collection::vec(run(), 2..5)).prop_map(|(models, mut runs)| {
        // Most first runs are to fill the tenant.
        if let Some(first) = runs.first_mut().filter(|first| first.level == AccessLevel::Edit) {
            first.level = AccessLevel::Full;
        }
        Story { models, runs }
    })
}

impl Story {
    /// The restores, ready to be taken.
    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |(number, run): (usize, &Run)| Step {
            strategy: run.strategy,
            level: run.level,
            include: self.include(number),
            archive: self.archive(number),
        };
        self.runs.iter().enumerate().map(step).collect()
    }

    /// The archive of a run.
    fn archive(&self, number: usize) -> Vec<u8> {
        let run = &self.runs[number];
        let models: Vec<_> = self.models.iter().map(|model| model.described(number)).collect();
        let files: Vec<_> = self
            .models
            .iter()
            .zip(&run.files)
            .filter_map(|(model, file)| Some((model.name, file.as_ref()?.texts(model, number))))
            .collect();
        archive_of(&write_describe(&models), &files)
    }

    /// What is imported of it.
    fn include(&self, number: usize) -> &'static str {
        if number == 0 || self.runs[number].describes { "describe,data" } else { "data" }
    }
}

/// What somebody needs who wants to see it happen again: the archives.
impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, run) in self.runs.iter().enumerate() {
            let (strategy, level, include) = (run.strategy, run.level, self.include(number));
            writeln!(f, "\nrun {number}: {strategy} of {include} with level {level}")?;
            for (model, file) in self.models.iter().zip(&run.files) {
                writeln!(f, "{}", brief(&write_describe(&[model.described(number)])))?;
                for line in file.iter().flat_map(|file| file.texts(model, number)) {
                    writeln!(f, "{}", brief(&line))?;
                }
            }
        }
        Ok(())
    }
}

/// The attributes that say something, and the beginning of a long line.
fn brief(text: &str) -> String {
    let says_nothing =
        |line: &&str| [": false", ": null", ": \"active\""].iter().any(|end| line.ends_with(end));
    let lines = text.lines().filter(|line| !says_nothing(line));
    let cut = |line: &str| line.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    lines.map(cut).collect::<Vec<_>>().join("\n")
}

impl File {
    fn texts(&self, model: &ModelShape, run: usize) -> Vec<String> {
        let mut seen = HashSet::new();
        let fresh =
            |line: &&Line| !self.is_distinct || line.id(self.is_apart, run).is_none_or(|id| seen.insert(id));
        let mut texts: Vec<_> =
            self.lines.iter().filter(fresh).map(|line| self.text(line, model, run)).collect();
        if let (Some((place, kind)), false) = (&self.fault, texts.is_empty()) {
            let text = place.get_mut(&mut texts);
            *text = faulty(text, *kind);
        }
        texts
    }

    fn text(&self, line: &Line, model: &ModelShape, run: usize) -> String {
        let key_set = line.key_set.get(&self.key_sets);
        let mut entries: Vec<String> = Vec::new();
        entries.extend(line.id(self.is_apart, run).map(|id| format!("\"id\":{}", quoted(&id))));
        let fields = model.fields.iter().enumerate().zip(key_set);
        for ((number, field), _) in fields.filter(|((_, field), named)| **named && field.since <= run) {
            let seed = mixed(line.seed ^ number as u64);
            entries.push(format!("\"f{number}\":{}", field.value(seed, u64::from(line.owner))));
        }
        for (number, ((name, values), _)) in
            SYSTEM.iter().zip(&key_set[9..]).enumerate().filter(|(_, (_, named))| **named)
        {
            let seed = mixed(line.seed ^ (number as u64 + 64));
            let value = values[usize::try_from(seed % values.len() as u64).unwrap()];
            entries.push(format!("\"{name}\":{value}"));
        }
        if line.seed.is_multiple_of(4) {
            entries.reverse();
        }
        format!("{{{}}}", entries.join(","))
    }
}

impl Line {
    /// The id, if it has one.
    fn id(&self, is_apart: bool, run: usize) -> Option<String> {
        let prefix = if is_apart { format!("run{run}-") } else { String::new() };
        let own = IDS
            .get(usize::from(self.owner))
            .map_or_else(|| format!("r{}", self.owner), |id| (*id).to_owned());
        (!self.seed.is_multiple_of(41)).then(|| format!("{prefix}{own}"))
    }
}

/// A line with something wrong.
fn faulty(line: &str, kind: u8) -> String {
    let with = |more: &str| format!("{},{more}}}", &line[..line.len() - 1]);
    match kind {
        0 => line[..1].to_owned(),
        1 => "[1]".to_owned(),
        2 => with("\"nope\":1"),
        3 => "{\"id\":7}".to_owned(),
        4 => "{\"id\":\"x\",\"f0\":{\"a\":{\"b\":1}}}".to_owned(),
        5 => "{\"id\":\"x\",\"f0\":null}".to_owned(),
        6 => "{\"id\":\"x\",\"f0\":\"\\u0000\"}".to_owned(),
        _ => "{\"id\":\"x\",\"f0\":\"999999\"}".to_owned(),
    }
}

/// A number in which every bit depends on every bit (SplitMix64).
fn mixed(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
