//! A whole list request: filter, order, page, columns.

use std::collections::HashMap;

use super::compile::{Compiler, column};
use super::term::{Term, segments};
use super::{Filter, FilterFault};
use crate::field_type::BaseType;
use crate::layout::Layout;
use crate::system::position;

/// Records of a page where the request does not say.
pub const LIMIT_DEFAULT: u32 = 1_000;
/// Most records of a page.
pub const LIMIT_MAX: u32 = 10_000;
/// Most keys of an order.
const ORDER_KEYS_MAX: usize = 32;

/// Which records a list holds, by whether they are trashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trashed {
    /// Those that are not.
    #[default]
    Exclude,
    /// All.
    Include,
    /// Those that are.
    Only,
}

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Position of the column in the layout.
    pub column: usize,
    /// Greatest first. Nulls are less than every value.
    pub descending: bool,
}

/// A checked list request.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// The condition; `None` for all records.
    pub filter: Option<Filter>,
    /// The keys of the order, greatest weight first; `id` is always among them, so that the order is total.
    pub order: Vec<Order>,
    /// Most records to answer, 0 to [`LIMIT_MAX`].
    pub limit: u32,
    /// Records to pass over, at most `i64::MAX`.
    pub offset: u64,
    /// Positions of the columns to answer, in order; `None` for all.
    pub select: Option<Vec<usize>>,
    /// Whether trashed records are listed.
    pub trashed: Trashed,
    /// Whether to count all records that match.
    pub count: bool,
}

impl Default for ListQuery {
    /// All records that are not trashed, oldest first, one page.
    fn default() -> Self {
        Self {
            filter: None,
            order: default_order(),
            limit: LIMIT_DEFAULT,
            offset: 0,
            select: None,
            trashed: Trashed::Exclude,
            count: false,
        }
    }
}

fn default_order() -> Vec<Order> {
    [position::CREATED_AT, position::ID].map(|column| Order { column, descending: false }).into()
}

/// Reads the settings of a list request from its decoded query pairs, in both spellings. Pairs that are none
/// of the list language's are refused. A setting may be given in one of the spellings only; conditions may be
/// given in both, unless both name the same field.
///
/// # Errors
/// [`FilterFault`] for the first thing that is wrong.
pub fn parse_list_query(pairs: &[(String, String)], layout: &Layout) -> Result<ListQuery, FilterFault> {
    let settings = Settings::read(pairs)?;
    let mut query = ListQuery { filter: settings.filter(layout)?, ..ListQuery::default() };
    if let Some(text) = settings.text("order") {
        query.order = parse_order(text, layout)?;
    }
    if let Some(text) = settings.text("limit") {
        query.limit = parse_count("limit", text, LIMIT_MAX.into())?.try_into().unwrap_or(LIMIT_MAX);
    }
    if let Some(text) = settings.text("offset") {
        query.offset = parse_count("offset", text, i64::MAX.unsigned_abs())?;
    }
    if let Some(text) = settings.text("select") {
        query.select = Some(parse_select(text, layout)?);
    }
    if let Some(text) = settings.text("trashed") {
        query.trashed = parse_trashed(text)?;
    }
    if let Some(text) = settings.text("count") {
        query.count = text.parse().map_err(|_| wrong("count", text, "true or false"))?;
    }
    Ok(query)
}

/// The settings of a request, still as texts.
struct Settings<'p> {
    texts: HashMap<&'p str, &'p str>,
    /// The condition in brackets.
    brackets: Option<Term>,
    /// The condition as JSON.
    json: Option<&'p str>,
}

impl<'p> Settings<'p> {
    fn read(pairs: &'p [(String, String)]) -> Result<Self, FilterFault> {
        let mut settings = Self { texts: HashMap::new(), brackets: None, json: None };
        for (name, value) in pairs {
            let path = segments(name)?;
            match path.as_slice() {
                ["where"] | ["filter", "where"] => {
                    if settings.json.replace(value).is_some() {
                        return Err(FilterFault::new("'where' is given twice"));
                    }
                }
                ["filter", "where", path @ ..] => {
                    settings.brackets.get_or_insert_with(Term::empty_map).insert(path, value)?;
                }
                [setting] | ["filter", setting] if is_setting(setting) => {
                    if settings.texts.insert(setting, value).is_some() {
                        return Err(FilterFault::new(format!("'{setting}' is given twice")));
                    }
                }
                _ => {
                    let message = format!("'{}' is no setting of a list", crate::value::shorten(name));
                    return Err(FilterFault::new(message));
                }
            }
        }
        Ok(settings)
    }

    fn text(&self, setting: &str) -> Option<&'p str> {
        self.texts.get(setting).copied()
    }

    fn filter(&self, layout: &Layout) -> Result<Option<Filter>, FilterFault> {
        let json = self.json.map(Term::from_json).transpose()?;
        if let (Some(Term::Map(json)), Some(Term::Map(brackets))) = (&json, &self.brackets)
            && let Some(key) =
                brackets.keys().find(|key| json.keys().any(|other| other.eq_ignore_ascii_case(key)))
        {
            return Err(FilterFault::new(format!("both spellings of the filter name '{key}'")));
        }
        let mut compiler = Compiler::new(layout);
        let terms = json.iter().chain(&self.brackets);
        let mut filters: Vec<Filter> =
            terms.map(|term| compiler.condition(term)).collect::<Result<_, _>>()?;
        Ok(match filters.len() {
            0 | 1 => filters.pop(),
            _ => Some(Filter::And(filters)),
        })
    }
}

fn is_setting(name: &str) -> bool {
    matches!(name, "order" | "limit" | "offset" | "select" | "trashed" | "count")
}

fn wrong(setting: &str, value: &str, expected: &str) -> FilterFault {
    FilterFault::new(format!("'{setting}' must be {expected}; got '{}'", crate::value::shorten(value)))
}

fn parse_count(setting: &str, text: &str, greatest: u64) -> Result<u64, FilterFault> {
    let count = text.parse().ok().filter(|count| *count <= greatest);
    count.ok_or_else(|| wrong(setting, text, &format!("a whole number from 0 to {greatest}")))
}

fn parse_trashed(text: &str) -> Result<Trashed, FilterFault> {
    match text {
        "exclude" => Ok(Trashed::Exclude),
        "include" => Ok(Trashed::Include),
        "only" => Ok(Trashed::Only),
        _ => Err(wrong("trashed", text, "exclude, include or only")),
    }
}

fn parse_order(text: &str, layout: &Layout) -> Result<Vec<Order>, FilterFault> {
    let mut order: Vec<Order> = Vec::new();
    for key in text.split(',') {
        let mut words = key.split_whitespace();
        let name =
            words.next().ok_or_else(|| wrong("order", text, "a list like 'created_at desc,name asc'"))?;
        let direction = words.next().unwrap_or("asc");
        let is_known = direction.eq_ignore_ascii_case("asc") || direction.eq_ignore_ascii_case("desc");
        if !is_known || words.next().is_some() {
            return Err(wrong("order", key.trim(), "fields followed by asc or desc"));
        }
        let (at, definition) = column(layout, name)?;
        if definition.column_type.array || definition.column_type.base == BaseType::Json {
            return Err(FilterFault::new(format!(
                "records cannot be ordered by field '{}'",
                definition.name
            )));
        }
        if order.iter().any(|key| key.column == at) {
            return Err(FilterFault::new(format!("'order' names field '{}' twice", definition.name)));
        }
        order.push(Order { column: at, descending: direction.eq_ignore_ascii_case("desc") });
    }
    if order.len() > ORDER_KEYS_MAX {
        return Err(FilterFault::new(format!("'order' has more than {ORDER_KEYS_MAX} fields")));
    }
    if order.iter().all(|key| key.column != position::ID) {
        order.push(Order { column: position::ID, descending: false });
    }
    Ok(order)
}

fn parse_select(text: &str, layout: &Layout) -> Result<Vec<usize>, FilterFault> {
    let mut select = Vec::new();
    for name in text.split(',') {
        let (at, _) = column(layout, name.trim())?;
        if !select.contains(&at) {
            select.push(at);
        }
    }
    Ok(select)
}
