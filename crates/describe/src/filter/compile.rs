//! From terms to a checked filter.

use super::term::Term;
use super::{Filter, FilterFault, Test};
use crate::batch::Value;
use crate::field_type::{BaseType, ColumnType};
use crate::layout::{Column, Layout};
use crate::record_json::write_value;
use crate::value::{CellValue, coerce, coerce_text};

/// Most tests in a filter: databases bound the size of an expression.
pub const TESTS_MAX: usize = 256;
/// Most values in one list.
pub const LIST_VALUES_MAX: usize = 1_000;
/// Most values in a filter: databases bound the number of bound values.
pub const VALUES_MAX: usize = 10_000;

/// The operators in the order in which messages list them.
const OPERATORS: &str =
    "$eq $ne $gt $gte $lt $lte $in $nin $like $ilike $between $exists $null $any $all $size $not";

pub(super) struct Compiler<'l> {
    layout: &'l Layout,
    tests: usize,
    values: usize,
}

/// A column with its position and the operator that is being read, for messages.
struct Operand<'l> {
    at: usize,
    column: &'l Column,
    operator: &'l str,
}

impl<'l> Compiler<'l> {
    pub(super) const fn new(layout: &'l Layout) -> Self {
        Self { layout, tests: 0, values: 0 }
    }

    /// A mapping of fields and of `$and`, `$or`, `$not`.
    pub(super) fn condition(&mut self, term: &Term) -> Result<Filter, FilterFault> {
        let Term::Map(entries) = term else {
            return Err(FilterFault::new(format!("a condition must be an object; got {}", term.describe())));
        };
        let mut all = Vec::with_capacity(entries.len());
        for (key, term) in entries {
            all.push(match key.as_str() {
                "$and" => Filter::And(self.conditions(key, term)?),
                "$or" => Filter::Or(self.conditions(key, term)?),
                "$not" => Filter::Not(Box::new(self.condition(term)?)),
                _ if key.starts_with('$') => return Err(unknown_operator(key)),
                _ => self.field(key, term)?,
            });
        }
        Ok(one_or_and(all))
    }

    fn conditions(&mut self, key: &str, term: &Term) -> Result<Vec<Filter>, FilterFault> {
        let items = term.items().ok_or_else(|| {
            FilterFault::new(format!("'{key}' needs a list of conditions; got {}", term.describe()))
        })?;
        items.into_iter().map(|item| self.condition(item)).collect()
    }

    fn field(&mut self, name: &str, term: &Term) -> Result<Filter, FilterFault> {
        let (at, column) = column(self.layout, name)?;
        match term {
            Term::Map(tests) => self.tests(at, column, tests),
            _ => self.test(&Operand { at, column, operator: "$eq" }, term),
        }
    }

    fn tests(
        &mut self,
        at: usize,
        column: &Column,
        tests: &indexmap::IndexMap<String, Term>,
    ) -> Result<Filter, FilterFault> {
        let mut all = Vec::with_capacity(tests.len());
        for (operator, term) in tests {
            all.push(match (operator.as_str(), term) {
                ("$not", Term::Map(tests)) => Filter::Not(Box::new(self.tests(at, column, tests)?)),
                ("$not", _) => self.test(&Operand { at, column, operator: "$ne" }, term)?,
                _ => self.test(&Operand { at, column, operator }, term)?,
            });
        }
        Ok(one_or_and(all))
    }

    fn test(&mut self, operand: &Operand<'_>, term: &Term) -> Result<Filter, FilterFault> {
        self.tests += 1;
        if self.tests > TESTS_MAX {
            return Err(FilterFault::new(format!("the filter has more than {TESTS_MAX} tests")));
        }
        operand.check_type()?;
        let test = match operand.operator {
            "$eq" => match self.value(operand, term)? {
                CellValue::Null => Test::IsNull,
                value => Test::Equal(value),
            },
            "$ne" => match self.value(operand, term)? {
                CellValue::Null => Test::IsNotNull,
                value => Test::NotEqual(value),
            },
            "$gt" => Test::Greater(self.value_not_null(operand, term)?),
            "$gte" => Test::GreaterOrEqual(self.value_not_null(operand, term)?),
            "$lt" => Test::Less(self.value_not_null(operand, term)?),
            "$lte" => Test::LessOrEqual(self.value_not_null(operand, term)?),
            "$in" => return self.membership(operand, term, true),
            "$nin" => return self.membership(operand, term, false),
            "$between" => self.between(operand, term)?,
            "$like" => Test::Like { pattern: operand.pattern(term)?, ignores_case: false },
            "$ilike" => Test::Like { pattern: operand.pattern(term)?, ignores_case: true },
            "$null" => {
                if operand.flag(term)? {
                    Test::IsNull
                } else {
                    Test::IsNotNull
                }
            }
            "$exists" => {
                if operand.flag(term)? {
                    Test::IsNotNull
                } else {
                    Test::IsNull
                }
            }
            "$any" => Test::Any(self.elements(operand, term)?),
            "$all" => Test::All(self.elements(operand, term)?),
            "$size" => Test::Size(operand.size(term)?),
            operator => return Err(unknown_operator(operator)),
        };
        Ok(operand.compare(test))
    }

    fn value(&mut self, operand: &Operand<'_>, term: &Term) -> Result<CellValue, FilterFault> {
        self.count(1)?;
        operand.coerce(operand.column.column_type, term)
    }

    fn value_not_null(&mut self, operand: &Operand<'_>, term: &Term) -> Result<CellValue, FilterFault> {
        match self.value(operand, term)? {
            CellValue::Null => Err(operand.fault("cannot be compared with null")),
            value => Ok(value),
        }
    }

    fn count(&mut self, values: usize) -> Result<(), FilterFault> {
        self.values += values;
        if self.values > VALUES_MAX {
            return Err(FilterFault::new(format!("the filter has more than {VALUES_MAX} values")));
        }
        Ok(())
    }

    /// The items of a list, or the one value that stands for a list of one.
    fn list<'t>(&mut self, operand: &Operand<'_>, term: &'t Term) -> Result<Vec<&'t Term>, FilterFault> {
        let items = term.items().unwrap_or_else(|| vec![term]);
        if items.len() > LIST_VALUES_MAX {
            return Err(operand.fault(&format!("has more than {LIST_VALUES_MAX} values")));
        }
        self.count(items.len())?;
        Ok(items)
    }

    /// `$in` and `$nin`. A null in the list stands for records without a value.
    fn membership(&mut self, operand: &Operand<'_>, term: &Term, is_in: bool) -> Result<Filter, FilterFault> {
        let items = self.list(operand, term)?;
        let values = items.into_iter().map(|item| operand.coerce(operand.column.column_type, item));
        let mut values: Vec<CellValue> = values.collect::<Result<_, _>>()?;
        let all = values.len();
        values.retain(|value| *value != CellValue::Null);
        let has_null = values.len() < all;
        let one_of = operand.compare(if is_in { Test::In(values) } else { Test::NotIn(values) });
        Ok(match (has_null, is_in) {
            (false, _) => one_of,
            (true, true) => Filter::Or(vec![one_of, operand.compare(Test::IsNull)]),
            (true, false) => Filter::And(vec![one_of, operand.compare(Test::IsNotNull)]),
        })
    }

    fn between(&mut self, operand: &Operand<'_>, term: &Term) -> Result<Test, FilterFault> {
        let items = self.list(operand, term)?;
        let [least, greatest] = items.as_slice() else {
            return Err(operand.fault("needs a list of two values"));
        };
        Ok(Test::Between(self.value_not_null(operand, least)?, self.value_not_null(operand, greatest)?))
    }

    /// The elements that `$any` and `$all` ask for, each as an array's cell would hold it.
    fn elements(&mut self, operand: &Operand<'_>, term: &Term) -> Result<Vec<String>, FilterFault> {
        let element = ColumnType { base: operand.column.column_type.base, array: false };
        let items = self.list(operand, term)?;
        let write = |item: &Term| {
            let mut out = String::new();
            write_value(element, operand.coerce(element, item)?.as_value(), &mut out);
            Ok(out)
        };
        items.into_iter().map(write).collect()
    }
}

impl Operand<'_> {
    fn compare(&self, test: Test) -> Filter {
        Filter::Compare { column: self.at, test }
    }

    fn fault(&self, what: &str) -> FilterFault {
        FilterFault::new(format!("operator {} on field '{}' {what}", self.operator, self.column.name))
    }

    /// Whether the operator means anything for the column's type.
    fn check_type(&self) -> Result<(), FilterFault> {
        let column_type = self.column.column_type;
        let fits = match self.operator {
            "$null" | "$exists" => true,
            "$any" | "$all" | "$size" => column_type.array,
            "$eq" | "$ne" | "$in" | "$nin" => column_type.array || column_type.base != BaseType::Json,
            "$like" | "$ilike" => !column_type.array && column_type.base == BaseType::Text,
            "$gt" | "$gte" | "$lt" | "$lte" | "$between" => {
                !column_type.array && column_type.base != BaseType::Json
            }
            operator => return Err(unknown_operator(operator)),
        };
        if fits { Ok(()) } else { Err(self.fault("is not for values of its type")) }
    }

    fn coerce(&self, column_type: ColumnType, term: &Term) -> Result<CellValue, FilterFault> {
        let coerced = match term {
            Term::Json(raw) => coerce(column_type, raw),
            Term::Plain(text) => coerce_text(column_type, text),
            Term::List(items) if column_type.array => coerce(column_type, &json_list(items)),
            Term::List(_) | Term::Map(_) => {
                return Err(self.fault(&format!("needs a value; got {}", term.describe())));
            }
        };
        coerced.map_err(|fault| FilterFault::new(format!("field '{}' {}", self.column.name, fault.message)))
    }

    fn text(&self, term: &Term) -> Result<String, FilterFault> {
        let text = ColumnType { base: BaseType::Text, array: false };
        match self.coerce(text, term)? {
            CellValue::Text(text) => Ok(text),
            _ => Err(self.fault("needs a text; got null")),
        }
    }

    fn pattern(&self, term: &Term) -> Result<String, FilterFault> {
        let pattern = self.text(term)?;
        let escapes = pattern.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if escapes % 2 == 1 {
            return Err(self.fault("has a pattern that ends in an open escape ('\\')"));
        }
        Ok(pattern)
    }

    fn flag(&self, term: &Term) -> Result<bool, FilterFault> {
        let boolean = ColumnType { base: BaseType::Boolean, array: false };
        let coerced = match term {
            Term::Json(raw) => coerce(boolean, raw),
            Term::Plain(text) => coerce_text(boolean, text),
            _ => return Err(self.fault(&format!("needs true or false; got {}", term.describe()))),
        };
        match coerced {
            Ok(CellValue::Int(flag)) => Ok(flag != 0),
            _ => Err(self.fault(&format!("needs true or false; got {}", term.describe()))),
        }
    }

    fn size(&self, term: &Term) -> Result<u64, FilterFault> {
        let text = match term {
            Term::Json(text) | Term::Plain(text) => text.trim_matches('"'),
            _ => "",
        };
        text.parse().map_err(|_| self.fault(&format!("needs a count; got {}", term.describe())))
    }
}

/// A list as the text of a JSON array.
fn json_list(items: &[Term]) -> String {
    let mut out = "[".to_owned();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match item {
            Term::Json(raw) => out.push_str(raw),
            Term::Plain(text) => {
                write_value(ColumnType { base: BaseType::Text, array: false }, Value::Text(text), &mut out);
            }
            Term::List(items) => out.push_str(&json_list(items)),
            Term::Map(_) => out.push_str("{}"),
        }
    }
    out.push(']');
    out
}

fn one_or_and(mut all: Vec<Filter>) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            Filter::And(all)
        }
        None => Filter::And(all),
    }
}

fn unknown_operator(operator: &str) -> FilterFault {
    FilterFault::new(format!("'{}' is no operator; there are {OPERATORS}", crate::value::shorten(operator)))
}

/// The column of a name.
pub(super) fn column<'l>(layout: &'l Layout, name: &str) -> Result<(usize, &'l Column), FilterFault> {
    layout.position(name).and_then(|at| Some((at, layout.column(at)?))).ok_or_else(|| {
        let model = &layout.model().name;
        FilterFault::new(format!("model '{model}' has no field '{}'", crate::value::shorten(name)))
    })
}
