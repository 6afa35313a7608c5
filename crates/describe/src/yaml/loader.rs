//! YAML events into a tree, within limits.
//!
//! The tree is built from the parser's events and not through serde, so that each node keeps its line, each
//! plain scalar its spelling (`1.10`, `no`), and every limit is checked before memory is taken.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{DescribeFault, DescribeLimits};
use crate::definition::node::{Entry, Node, NodeKind, Place};
use crate::value::decimal;

/// Memory of a node without its text, in bytes, as the limit on aliases counts it.
const NODE_BYTES: usize = size_of::<Entry>();

/// A list or mapping that is being read.
struct Open {
    place: Place,
    anchor: usize,
    children: Children,
}

enum Children {
    List(Vec<Node>),
    /// The whole entries, and the key that waits for its value.
    Map(Vec<Entry>, Option<(Place, Box<str>)>),
}

/// A node that aliases may name.
struct Anchored {
    node: Node,
    bytes: usize,
    depth: usize,
}

struct Loader<'l> {
    limits: &'l DescribeLimits,
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    nodes: usize,
    alias_bytes: usize,
}

/// Reads one document; `None` where there is none.
pub(super) fn load(text: &str, limits: &DescribeLimits) -> Result<Option<Node>, DescribeFault> {
    let mut loader =
        Loader { limits, stack: Vec::new(), anchors: HashMap::new(), root: None, nodes: 0, alias_bytes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            fault(place(marker.line(), marker.col()), format!("not valid YAML: {}", first_line(error.info())))
        })?;
        loader.take(event, &span)?;
    }
    Ok(loader.root)
}

fn first_line(text: impl ToString) -> String {
    text.to_string().lines().next().unwrap_or_default().to_owned()
}

fn place(line: usize, column_before: usize) -> Place {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Place { line: number(line), column: number(column_before.saturating_add(1)) }
}

pub(super) fn fault(place: Place, message: impl Into<String>) -> DescribeFault {
    DescribeFault {
        line: place.line.into(),
        column: Some(place.column.into()),
        model: None,
        field: None,
        message: message.into(),
    }
}

impl Loader<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), DescribeFault> {
        let place = place(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(place)?;
                let kind = resolve(&text, style, tag.as_deref());
                self.complete(Node { place, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(place, anchor, Children::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.open(place, anchor, Children::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(place, anchor),
            Event::UnresolvedAlias(name) => Err(fault(place, format!("alias '{name}' has no anchor"))),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(fault(place, "holds more than one YAML document"))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, place: Place) -> Result<(), DescribeFault> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return Err(fault(place, format!("holds more than {} values", self.limits.nodes_max)));
        }
        Ok(())
    }

    fn open(&mut self, place: Place, anchor: usize, children: Children) -> Result<(), DescribeFault> {
        self.count(place)?;
        if self.stack.len() >= self.limits.depth_max {
            return Err(self.too_deep(place));
        }
        self.stack.push(Open { place, anchor, children });
        Ok(())
    }

    fn too_deep(&self, place: Place) -> DescribeFault {
        fault(place, format!("is nested deeper than {}", self.limits.depth_max))
    }

    fn close(&mut self) -> Result<(), DescribeFault> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let kind = match open.children {
            Children::Map(entries, _) => NodeKind::Map(entries),
            Children::List(items) => NodeKind::List(items),
        };
        self.complete(Node { place: open.place, kind }, open.anchor)
    }

    fn alias(&mut self, place: Place, anchor: usize) -> Result<(), DescribeFault> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(fault(place, "an alias lies within what it stands for"));
        };
        if self.stack.len() + anchored.depth > self.limits.depth_max {
            return Err(self.too_deep(place));
        }
        self.alias_bytes = self.alias_bytes.saturating_add(anchored.bytes);
        self.check_alias_bytes(place)?;
        let Some(anchored) = self.anchors.get(&anchor) else { return Ok(()) };
        let mut node = anchored.node.clone();
        node.place = place;
        self.complete(node, 0)
    }

    fn check_alias_bytes(&self, place: Place) -> Result<(), DescribeFault> {
        if self.alias_bytes > self.limits.alias_bytes_max {
            let message = format!("aliases expand to more than {} bytes", self.limits.alias_bytes_max);
            return Err(fault(place, message));
        }
        Ok(())
    }

    /// Puts a whole node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), DescribeFault> {
        if anchor != 0 {
            let (bytes, depth) = measure(&node);
            self.alias_bytes = self.alias_bytes.saturating_add(bytes);
            self.check_alias_bytes(node.place)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), bytes, depth });
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.children {
            Children::List(items) => items.push(node),
            Children::Map(entries, key) => match key.take() {
                Some((place, key)) => entries.push(Entry { place, key, value: node }),
                None => *key = Some((node.place, key_text(node)?)),
            },
        }
        Ok(())
    }
}

fn key_text(node: Node) -> Result<Box<str>, DescribeFault> {
    match node.kind {
        NodeKind::Text(text) | NodeKind::Bool(_, text) | NodeKind::Number(text) => Ok(text),
        NodeKind::Null => Ok("null".into()),
        NodeKind::List(_) | NodeKind::Map(_) => Err(fault(node.place, "a key is a list or a mapping")),
    }
}

/// Bytes and depth of a node.
fn measure(node: &Node) -> (usize, usize) {
    let sum = |parts: &mut dyn Iterator<Item = (usize, usize)>| {
        parts.fold((NODE_BYTES, 0), |(bytes, depth), part| (bytes.saturating_add(part.0), depth.max(part.1)))
    };
    match &node.kind {
        NodeKind::Null => (NODE_BYTES, 0),
        NodeKind::Bool(_, text) | NodeKind::Number(text) | NodeKind::Text(text) => {
            (NODE_BYTES + text.len(), 0)
        }
        NodeKind::List(items) => {
            let (bytes, depth) = sum(&mut items.iter().map(measure));
            (bytes, depth + 1)
        }
        NodeKind::Map(entries) => {
            let mut parts = entries.iter().map(|entry| {
                let (bytes, depth) = measure(&entry.value);
                (bytes + entry.key.len(), depth)
            });
            let (bytes, depth) = sum(&mut parts);
            (bytes, depth + 1)
        }
    }
}

/// What a scalar is, by the core schema of YAML 1.2: `no`, `on` and dates are texts.
fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> NodeKind {
    let is_core = tag.is_some_and(|tag| tag.handle() == "tag:yaml.org,2002:" || tag.handle() == "!!");
    let is_plain = match tag {
        Some(tag) if is_core => tag.suffix() != "str",
        Some(tag) if tag.suffix().is_empty() => false,
        _ => style == ScalarStyle::Plain,
    };
    match text {
        _ if !is_plain => NodeKind::Text(text.into()),
        "" | "~" | "null" | "Null" | "NULL" => NodeKind::Null,
        "true" | "True" | "TRUE" => NodeKind::Bool(true, text.into()),
        "false" | "False" | "FALSE" => NodeKind::Bool(false, text.into()),
        _ if is_number(text) => NodeKind::Number(text.into()),
        _ => NodeKind::Text(text.into()),
    }
}

fn is_number(text: &str) -> bool {
    let in_base = |prefix: &str, base| {
        text.strip_prefix(prefix).is_some_and(|digits| {
            !digits.is_empty() && digits.len() <= 16 && digits.chars().all(|digit| digit.is_digit(base))
        })
    };
    in_base("0x", 16) || in_base("0o", 8) || decimal::canonical(text).is_ok()
}
