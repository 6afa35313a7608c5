//! What comes out: a table of Markdown with a row for each comparison.

use std::io::Write;

/// Longest part of an error's text that a table shows, in characters.
const WHY_CHARS_MAX: usize = 240;

/// What a row's figure is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// This ratio or a larger one.
    AtLeast(f64),
    /// So many of the row's unit or fewer.
    AtMost(f64, &'static str),
    /// A row for information.
    None,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The database and what was done.
    pub(crate) case: String,
    /// What was found of it.
    pub(crate) measured: String,
    /// What it is compared with, and what was found of that.
    pub(crate) limit: String,
    /// The figure that is compared with the goal, and how it is shown.
    pub(crate) figure: Option<(f64, String)>,
    pub(crate) goal: Goal,
}

impl Row {
    /// A row about what could not be measured.
    pub(crate) fn missing(case: impl Into<String>, why: impl std::fmt::Display) -> Self {
        let measured = format!("not measured: {}", cell(&why.to_string()));
        Self { case: case.into(), measured, limit: String::new(), figure: None, goal: Goal::None }
    }

    /// A row for information.
    pub(crate) fn told(case: impl Into<String>, measured: impl Into<String>) -> Self {
        let (case, measured) = (case.into(), measured.into());
        Self { case, measured, limit: String::new(), figure: None, goal: Goal::None }
    }

    fn line(&self) -> String {
        let shown = self.figure.as_ref().map_or("", |(_, shown)| shown);
        let (goal, is_reached) = match (self.goal, &self.figure) {
            (Goal::AtLeast(goal), Some((figure, _))) => (format!("≥ {goal}"), Some(*figure >= goal)),
            (Goal::AtLeast(goal), None) => (format!("≥ {goal}"), None),
            (Goal::AtMost(goal, unit), Some((figure, _))) => {
                (format!("≤ {goal} {unit}"), Some(*figure <= goal))
            }
            (Goal::AtMost(goal, unit), None) => (format!("≤ {goal} {unit}"), None),
            (Goal::None, _) => (String::new(), None),
        };
        let reached = is_reached.map_or("", |is_reached| if is_reached { "yes" } else { "**no**" });
        format!("| {} | {} | {} | {shown} | {goal} | {reached} |", self.case, self.measured, self.limit)
    }
}

/// A text that fits into a cell of the table.
pub(crate) fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    text.chars().take(WHY_CHARS_MAX).collect()
}

/// All rows, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a row, and shows it beside the table that comes at the end.
    pub(crate) fn add(&mut self, row: Row) {
        note(&row.line());
        self.rows.push(row);
    }

    /// Adds rows that were measured, or one that says why there are none.
    pub(crate) fn add_all(&mut self, case: &str, rows: Result<Vec<Row>, Box<dyn std::error::Error>>) {
        match rows {
            Ok(rows) => rows.into_iter().for_each(|row| self.add(row)),
            Err(error) => self.add(Row::missing(case, error)),
        }
    }

    /// The table.
    pub(crate) fn print(&self) {
        println!("\n| case | measured | beside it | ratio | goal | reached |");
        println!("| --- | --- | --- | --- | --- | --- |");
        self.rows.iter().for_each(|row| println!("{}", row.line()));
    }
}

/// Tells whoever waits how far the bench is; not a part of what it prints.
pub(crate) fn note(text: &str) {
    // Nobody may be there to read it.
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// The median of figures; not a number where there are none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(figures.len() / 2), at(figures.len().saturating_sub(1) / 2))
}

/// Seconds of a restore and of its limit, measured one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    pub(crate) ours: f64,
    pub(crate) limit: f64,
}

/// Pairs of one comparison of `records` records. The ratio is the median of the pairs' own, since what slows one side
/// of a pair slows the other.
pub(crate) fn compared(case: &str, limit: &str, records: u64, pairs: &[Pair], goal: Goal) -> Row {
    let rate = |seconds: Vec<f64>| rate(records, median(&seconds));
    let ours = rate(pairs.iter().map(|pair| pair.ours).collect());
    let beside = rate(pairs.iter().map(|pair| pair.limit).collect());
    let ratios: Vec<f64> = pairs.iter().map(|pair| pair.limit / pair.ours).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    let ratio = median(&ratios);
    Row {
        case: case.to_owned(),
        measured: ours,
        limit: format!("{limit}: {beside}"),
        figure: Some((ratio, format!("{ratio:.2} ({least:.2}–{most:.2})"))),
        goal,
    }
}

/// So many records in so many seconds, as a rate.
pub(crate) fn rate(records: u64, seconds: f64) -> String {
    format!("{:.0} k rows/s", records as f64 / seconds / 1e3)
}
