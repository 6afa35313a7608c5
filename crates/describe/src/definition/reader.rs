//! Reads attributes from nodes and collects what is wrong with them.

use serde_json::Number;

use super::node::{Node, NodeKind, Place, nearest_number};

/// Most faults, and most warnings, that are told one by one: a file of nothing but faults must not be answered
/// with a multiple of its own size.
const FINDINGS_MAX: usize = 1_000;

/// How strictly a definition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Files: unknown attributes are kept with a warning; scalars may be spelled as strings and strings as
    /// plain scalars.
    Lenient,
    /// Requests: unknown attributes and other types are faults.
    Strict,
}

/// Where a fault or a warning lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) model: Option<String>,
    pub(crate) field: Option<String>,
}

/// A fault or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) context: Context,
    pub(crate) attribute: String,
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) strictness: Strictness,
    pub(crate) context: Context,
    pub(crate) faults: Vec<Finding>,
    pub(crate) warnings: Vec<Finding>,
}

impl Reader {
    pub(crate) fn new(strictness: Strictness) -> Self {
        Self { strictness, context: Context::default(), faults: Vec::new(), warnings: Vec::new() }
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.strictness == Strictness::Strict
    }

    pub(crate) fn fault(
        &mut self,
        place: Place,
        attribute: &str,
        rule: &'static str,
        message: impl Into<String>,
    ) {
        let finding = self.finding(place, attribute, rule, message.into());
        push_bounded(&mut self.faults, finding, "faults");
    }

    pub(crate) fn warn(
        &mut self,
        place: Place,
        attribute: &str,
        rule: &'static str,
        message: impl Into<String>,
    ) {
        let finding = self.finding(place, attribute, rule, message.into());
        push_bounded(&mut self.warnings, finding, "warnings");
    }

    fn finding(&self, place: Place, attribute: &str, rule: &'static str, message: String) -> Finding {
        Finding { place, context: self.context.clone(), attribute: attribute.to_owned(), rule, message }
    }

    fn mismatch(&mut self, key: &str, node: &Node, expected: &str) {
        self.fault(node.place, key, "value", format!("'{key}' must be {expected}; got {}", node.describe()));
    }

    /// A flag; null is off. Leaves `flag` where the node is none.
    pub(crate) fn flag(&mut self, key: &str, node: &Node, flag: &mut bool) {
        match &node.kind {
            NodeKind::Null => *flag = false,
            NodeKind::Bool(value, _) => *flag = *value,
            NodeKind::Text(text) if !self.is_strict() && text.eq_ignore_ascii_case("true") => *flag = true,
            NodeKind::Text(text) if !self.is_strict() && text.eq_ignore_ascii_case("false") => *flag = false,
            _ => self.mismatch(key, node, "true or false"),
        }
    }

    /// A text; null is none. Leaves `text` where the node is none.
    pub(crate) fn text(&mut self, key: &str, node: &Node, text: &mut Option<String>) {
        match (&node.kind, self.scalar(node)) {
            (NodeKind::Null, _) => *text = None,
            (_, Some(value)) => *text = Some(value),
            (_, None) => self.mismatch(key, node, "a text"),
        }
    }

    /// The text of a scalar other than null, as this strictness allows it.
    fn scalar(&self, node: &Node) -> Option<String> {
        match &node.kind {
            NodeKind::Text(text) => Some(text.to_string()),
            NodeKind::Bool(_, text) | NodeKind::Number(text) if !self.is_strict() => Some(text.to_string()),
            _ => None,
        }
    }

    /// A number; null is none. Leaves `number` where the node is none.
    pub(crate) fn number(&mut self, key: &str, node: &Node, number: &mut Option<Number>) {
        let parsed = match &node.kind {
            NodeKind::Null => {
                *number = None;
                return;
            }
            NodeKind::Number(text) => nearest_number(text),
            NodeKind::Text(text) if !self.is_strict() => nearest_number(text),
            _ => None,
        };
        match parsed {
            Some(parsed) => *number = Some(parsed),
            None => self.mismatch(key, node, "a number"),
        }
    }

    /// A list of texts; null is none. Other scalars count by their spelling. Leaves `texts` where the node is
    /// none.
    pub(crate) fn texts(&mut self, key: &str, node: &Node, texts: &mut Option<Vec<String>>) {
        let items = match &node.kind {
            NodeKind::Null => {
                *texts = None;
                return;
            }
            NodeKind::List(items) => items,
            _ => return self.mismatch(key, node, "a list"),
        };
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            match &item.kind {
                NodeKind::Text(text) | NodeKind::Bool(_, text) | NodeKind::Number(text) => {
                    read.push(text.to_string())
                }
                NodeKind::Null if !self.is_strict() => {
                    let message = format!("a null in '{key}' has no meaning and is left out");
                    self.warn(item.place, key, "value", message);
                }
                _ => self.mismatch(key, item, "a list of texts"),
            }
        }
        *texts = Some(read);
    }
}

/// Adds a finding; where there are too many, one last one says so.
fn push_bounded(findings: &mut Vec<Finding>, finding: Finding, what: &str) {
    match findings.len() {
        0..FINDINGS_MAX => findings.push(finding),
        FINDINGS_MAX => {
            let message = format!("there are more {what}; they are not told");
            findings.push(Finding {
                context: Context::default(),
                attribute: String::new(),
                message,
                ..finding
            });
        }
        _ => {}
    }
}
