//! The quick way through a line against the one that knows all of JSON: the same rows or the same faults.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use reinstate_describe::{
    AccessListMode, Batch, BatchBuilder, Field, FieldType, IdMode, Layout, Model, Name, ParseOptions, Parsed,
    RecordParser,
};

/// What most files hold for a type: valid, with blanks and escapes.
fn plain(field_type: FieldType) -> BoxedStrategy<String> {
    match field_type {
        FieldType::Text => prop_oneof![
            4 => "\"[ -!#-\\[\\]-~éß]{0,40}\"",
            1 => "\"([a-z ]|\\\\n|\\\\\"|\\\\\\\\|\\\\/|\\\\u00e9|\\\\ud83d\\\\ude80|🚀){1,6}\"",
        ]
        .boxed(),
        FieldType::Integer | FieldType::Bigint | FieldType::Bigserial => {
            prop_oneof![3 => "-?(0|[1-9][0-9]{0,17})", 1 => "\"[0-9]{1,18}\""].boxed()
        }
        FieldType::Decimal | FieldType::Numeric => {
            prop_oneof![3 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?", 1 => "\"-?[0-9]{1,3}(\\.[0-9]{1,3})?\""].boxed()
        }
        FieldType::Boolean => select(vec!["true", "false"]).prop_map(str::to_owned).boxed(),
        FieldType::Timestamp => prop_oneof![
            "\"[12][0-9]{3}-0[1-9]-(0[1-9]|1[0-9]|2[0-8])[Tt ][01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?(Z|z|[-+]0[0-9](:?[0-5][0-9])?)?\"",
            "\"20[0-9]{2}-1[0-2]-[0-2][1-8]T2[0-3]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3}|\\.[0-9]{6})?Z\"",
        ]
        .boxed(),
        FieldType::Date => {
            prop_oneof!["\"20[0-9]{2}-1[0-2]-[0-2][1-8]\"", "\"2024-02-29T00:00:00(\\.000)?Z\""].boxed()
        }
        FieldType::Uuid => {
            prop_oneof![3 => "\"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\"", 1 => "\"[0-9a-fA-F]{32}\""].boxed()
        }
        FieldType::Jsonb | FieldType::Json => json(plain),
        FieldType::TextArray => list(plain(FieldType::Text)),
        FieldType::IntegerArray => list(plain(FieldType::Integer)),
        FieldType::DecimalArray => list(plain(FieldType::Decimal)),
        FieldType::UuidArray => list(plain(FieldType::Uuid)),
    }
}

/// What is at the rim of a type, or just beyond it.
fn rare(field_type: FieldType) -> BoxedStrategy<String> {
    match field_type {
        FieldType::Text => {
            let pieces = select(vec![
                "\\n", "\\/", "\\u0041", "\\ud800", "\\udc00", "\\u0000", "\\x", "\\u12", "\\u00g1", "a", "é", "\t", "\u{7f}",
                "\u{85}", "{", ",",
            ]);
            prop::collection::vec(pieces, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat())).boxed()
        }
        FieldType::Integer | FieldType::Bigint | FieldType::Bigserial => prop_oneof![
            "-?[1-9][0-9]{16,19}",
            "\"[-+]?[0-9]{0,19}\"",
            "-?[0-9]{1,3}(\\.0{0,2})?([eE][0-9])?",
        ]
        .boxed(),
        FieldType::Decimal | FieldType::Numeric => prop_oneof![
            "\"[-+]?[0-9]{0,3}\\.?[0-9]{0,3}\"",
            "-?[0-9]{1,3}\\.?[0-9]{0,3}([eE][-+]?[0-9]{0,3})?",
            "-?0\\.[0-9]{90,110}",
            "-?0*\\.?0*",
        ]
        .boxed(),
        FieldType::Boolean => {
            select(vec!["1", "0", "\"true\"", "\"1\"", "tru", "TRUE"]).prop_map(str::to_owned).boxed()
        }
        FieldType::Timestamp => prop_oneof![
            "\"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,8})?(Z|z|[-+][0-2][0-9](:?[0-9]{2})?)?\"",
            "\"(0001-01-01|9999-12-31)T(00|23):(00|59):(00|59)[+-]00:01\"",
            "\"2024-0[12]-29\"",
        ]
        .boxed(),
        FieldType::Date => prop_oneof![
            "\"[0-9]{4}-[01][0-9]-[0-3][0-9]\"",
            "\"2024-02-29T0[01]:00:00(\\.000)?(Z|\\+01)?\"",
        ]
        .boxed(),
        FieldType::Uuid => prop_oneof![
            "\"[0-9A-Fa-f]{8}-?[0-9a-f]{4}-?[0-9a-g]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\"",
            "\"[/-:`-g]{8}([,-.][/-:`-g]{4}){3}-[/-:`-g]{12}\"",
        ]
        .boxed(),
        FieldType::Jsonb | FieldType::Json => json(rare),
        FieldType::TextArray => list(rare(FieldType::Text)),
        FieldType::IntegerArray => list(rare(FieldType::Integer)),
        FieldType::DecimalArray => list(rare(FieldType::Decimal)),
        FieldType::UuidArray => list(rare(FieldType::Uuid)),
    }
}

fn list(element: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let elements = prop::collection::vec(prop_oneof![8 => element, 1 => Just("null".to_owned())], 0..4);
    (elements, blank())
        .prop_map(|(elements, blank)| format!("[{blank}{}{blank}]", elements.join(&format!("{blank},"))))
        .boxed()
}

fn json(scalar: fn(FieldType) -> BoxedStrategy<String>) -> BoxedStrategy<String> {
    let text = move || scalar(FieldType::Text);
    let leaf = prop_oneof![
        text(),
        scalar(FieldType::Decimal),
        select(vec!["null", "true", "false", "[]", "{}", "-0", "1e40"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 16, 4, move |inner| {
        let member =
            (text(), inner.clone(), blank()).prop_map(|(key, value, blank)| format!("{key}{blank}:{value}"));
        let members = prop::collection::vec(member, 0..4);
        prop_oneof![
            list(inner.boxed()),
            (members, blank())
                .prop_map(|(members, blank)| format!("{{{}{blank}}}", members.join(&format!(",{blank}")))),
        ]
    })
    .boxed()
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(String::new()), 1 => Just(" ".to_owned()), 1 => "[ \t\r\n]{1,2}"]
}

fn any_type() -> impl Strategy<Value = FieldType> {
    select(FieldType::ALL.to_vec())
}

/// A value for a column: most of them of its type.
fn value(field_type: FieldType, is_array: bool) -> BoxedStrategy<String> {
    let own = |spelling: fn(FieldType) -> BoxedStrategy<String>| {
        if is_array { list(spelling(field_type)) } else { spelling(field_type) }
    };
    prop_oneof![
        40 => own(plain),
        2 => own(rare),
        1 => Just("null".to_owned()),
        1 => any_type().prop_flat_map(plain),
    ]
    .boxed()
}

fn field() -> impl Strategy<Value = Field> {
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.2));
    (any_type(), flags, 0..20_u8).prop_map(|(field_type, (is_array, unique, required), rule)| {
        let mut field = Field::new(Name::new("f").unwrap(), field_type);
        (field.is_array, field.unique, field.required) = (is_array, unique, required);
        match rule {
            0 => field.minimum = Some(3.into()),
            1 => field.maximum = Some(30.into()),
            2 => field.pattern = Some("^[a-z ]*$".into()),
            3 => field.enum_values = Some(["a", "1", "true", "2024-02-29"].map(Into::into).into()),
            4 => field.default_value = Some(serde_json::json!("1")),
            _ => {}
        }
        field
    })
}

/// A model, and lines for it.
#[derive(Debug, Clone)]
struct Sample {
    model: Model,
    lines: Vec<String>,
}

fn sample() -> impl Strategy<Value = Sample> {
    prop::collection::vec(field(), 0..7).prop_flat_map(|fields| {
        let named = fields.into_iter().enumerate().map(|(number, mut field)| {
            field.name = Name::new(format!("f{number}_{}", "x".repeat(number * 4))).unwrap();
            field
        });
        let model = named.fold(Model::new(Name::new("things").unwrap()), Model::with_field);
        prop::collection::vec(line(&model), 1..6)
            .prop_map(move |lines| Sample { model: model.clone(), lines })
    })
}

fn line(model: &Model) -> impl Strategy<Value = String> + use<> {
    let id = prop_oneof![12 => "\"[a-c]{1,2}\"", 1 => rare(FieldType::Text), 1 => select(vec!["1", "null", "\"\""]).prop_map(Into::into)];
    let times = ["created_at", "updated_at", "trashed_at", "deleted_at"];
    let lists = ["access_read", "access_edit", "access_full", "access_deny"];
    let mut members = vec![member("id".into(), id.boxed(), 0.9)];
    members.extend(lists.map(|name| member(name.into(), value(FieldType::TextArray, false), 0.3)));
    members.extend(times.map(|name| member(name.into(), value(FieldType::Timestamp, false), 0.4)));
    members.extend(
        model
            .fields
            .values()
            .map(|field| member(field.name.to_string(), value(field.field_type, field.is_array), 0.9)),
    );
    members.push(member("nope".into(), any_type().prop_flat_map(plain).boxed(), 0.03));
    (members, shape()).prop_map(|(members, shape)| shape.line(members.into_iter().flatten().collect()))
}

/// A key and its value, or neither.
fn member(
    name: String,
    value: BoxedStrategy<String>,
    probability: f64,
) -> BoxedStrategy<Option<(String, String)>> {
    let spelled = prop_oneof![
        60 => Just(format!("\"{name}\"")),
        1 => Just(format!("\"{}\"", name.to_uppercase())),
        1 => Just(format!("\"\\u{:04x}{}\"", u32::from(name.as_bytes()[0]), &name[1..])),
        1 => Just(format!("\"{name}\" ")),
    ];
    prop::option::weighted(probability, (spelled, value)).boxed()
}

/// How the members become a line.
#[derive(Debug, Clone)]
struct Shape {
    blank: String,
    around: (String, String),
    swap: Option<(Index, Index)>,
    again: Option<Index>,
    mutation: Option<(Index, u8, char)>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let character = select("\"\\{}[]:,.-+eEn0129azé \t\u{1}\u{a0}".chars().collect::<Vec<_>>());
    let around = prop_oneof![
        6 => Just((String::new(), String::new())),
        1 => (blank(), blank()),
        1 => Just(("\u{a0}".to_owned(), String::new())),
    ];
    let swap = prop::option::weighted(0.1, any::<(Index, Index)>());
    let again = prop::option::weighted(0.05, any::<Index>());
    let mutation = prop::option::weighted(0.15, (any::<Index>(), 0..3_u8, character));
    (blank(), around, swap, again, mutation).prop_map(|(blank, around, swap, again, mutation)| Shape {
        blank,
        around,
        swap,
        again,
        mutation,
    })
}

impl Shape {
    fn line(&self, mut members: Vec<(String, String)>) -> String {
        if let Some((left, right)) = self.swap.filter(|_| !members.is_empty()) {
            let count = members.len();
            members.swap(left.index(count), right.index(count));
        }
        if let Some(again) = self.again.filter(|_| !members.is_empty()) {
            members.push(again.get(&members).clone());
        }
        let blank = &self.blank;
        let members: Vec<_> =
            members.into_iter().map(|(key, value)| format!("{blank}{key}:{blank}{value}")).collect();
        let line = format!("{}{{{}{blank}}}{}", self.around.0, members.join(","), self.around.1);
        let mut characters: Vec<char> = line.chars().collect();
        if let Some((place, kind, character)) = &self.mutation {
            let at = place.index(characters.len());
            match kind {
                0 => characters[at] = *character,
                1 => characters.insert(at, *character),
                _ => drop(characters.remove(at)),
            }
        }
        characters.into_iter().collect()
    }
}

struct Side {
    parser: RecordParser,
    builder: BatchBuilder,
    batches: Vec<Batch>,
    outcomes: Vec<String>,
}

impl Side {
    fn new(model: &Model, options: ParseOptions, is_quick: bool) -> Self {
        let layout = Arc::new(Layout::new(model.clone()));
        let mut parser = RecordParser::new(Arc::clone(&layout), options).unwrap();
        parser.set_quick(is_quick);
        Self { parser, builder: BatchBuilder::new(layout), batches: Vec::new(), outcomes: Vec::new() }
    }

    fn read(mut self, lines: &[String]) -> Self {
        for (line, number) in lines.iter().zip(1..) {
            let mut outcome = self.parse(line, number);
            if outcome == Ok(Parsed::NextBatch) {
                self.batches.push(self.builder.finish());
                outcome = self.parse(line, number);
            }
            self.outcomes.push(format!("{outcome:?}"));
        }
        self.batches.push(self.builder.finish());
        self
    }

    fn parse(&mut self, line: &str, number: u64) -> Result<Parsed, Vec<reinstate_describe::RecordFault>> {
        self.parser.parse(line, number, &|| format!("made_{number}"), &mut self.builder)
    }

    /// Everything that a target can see.
    fn seen(&self) -> String {
        let rows = |batch: &Batch| {
            let width = batch.layout().len();
            let row = |row: u32| {
                (batch.line(row), (0..width).map(|at| format!("{:?}", batch.value(row, at))).collect())
            };
            (0..u32::try_from(batch.len()).unwrap()).map(row).collect::<Vec<(u64, Vec<String>)>>()
        };
        let batches: Vec<_> = self.batches.iter().map(|batch| (rows(batch), batch.groups())).collect();
        format!("{:#?} {batches:#?}", self.outcomes)
    }
}

fn options() -> impl Strategy<Value = ParseOptions> {
    let access_lists = select(vec![AccessListMode::Keep, AccessListMode::Ignore]);
    let id = select(vec![IdMode::GenerateWhereAbsent, IdMode::Required]);
    (access_lists, id).prop_map(|(access_lists, id)| ParseOptions { now_micros: 7, access_lists, id })
}

/// A case is several lines.
fn few_cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases / 4, ..config }
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn both_ways_make_the_same_rows_or_the_same_faults(sample in sample(), options in options()) {
        // A default value that does not fit its type makes no parser at all.
        let layout = Arc::new(Layout::new(sample.model.clone()));
        prop_assume!(RecordParser::new(layout, options).is_ok());
        let quick = Side::new(&sample.model, options, true).read(&sample.lines);
        let slow = Side::new(&sample.model, options, false).read(&sample.lines);
        prop_assert_eq!(quick.seen(), slow.seen());
    }
}
