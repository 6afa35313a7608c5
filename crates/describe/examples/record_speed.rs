//! How fast lines become typed rows: `cargo run --release -p reinstate-describe --example record_speed`.
//!
//! Parses generated 19-column lines again and again and prints lines and megabytes a second; then the same with
//! `serde_json` into a tree of values, as a measure of the machine.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use reinstate_describe::{
    AccessListMode, BatchBuilder, Field, FieldType, IdMode, Layout, Model, Name, ParseOptions, RecordParser,
};

const LINES: usize = 2_000;
const ROUNDS: usize = 500;

const FIELDS: [(&str, FieldType); 12] = [
    ("title", FieldType::Text),
    ("body", FieldType::Text),
    ("state", FieldType::Text),
    ("count", FieldType::Integer),
    ("total", FieldType::Bigint),
    ("price", FieldType::Decimal),
    ("active", FieldType::Boolean),
    ("seen_at", FieldType::Timestamp),
    ("day", FieldType::Date),
    ("owner", FieldType::Uuid),
    ("extra", FieldType::Jsonb),
    ("rank", FieldType::Integer),
];

fn model() -> Result<Model, Box<dyn Error>> {
    let mut model = Model::new(Name::new("things")?);
    for (name, field_type) in FIELDS {
        model = model.with_field(Field::new(Name::new(name)?, field_type));
    }
    Ok(model)
}

fn line(number: usize) -> String {
    format!(
        "{{\"id\":\"0193a1b2-c3d4-7000-8000-{number:012}\",\"access_read\":[],\"access_edit\":[],\"access_full\":[],\
         \"access_deny\":[],\"created_at\":\"2025-01-19T10:00:00.000Z\",\"updated_at\":\"2025-01-19T10:00:00.000Z\",\
         \"title\":\"Thing number {number}\",\"body\":\"A line of text that says a little more.\",\"state\":\"open\",\
         \"count\":{number},\"total\":\"1234567890123\",\"price\":1234.56,\"active\":true,\
         \"seen_at\":\"2025-01-19T10:00:00.000Z\",\"day\":\"2024-02-29T00:00:00.000Z\",\
         \"owner\":\"0193a1b2-c3d4-7000-8000-00000000000a\",\"extra\":{{\"a\":[1,2],\"b\":\"x\"}},\"rank\":{}}}",
        number % 7
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let layout = Arc::new(Layout::new(model()?));
    let options =
        ParseOptions { now_micros: 0, access_lists: AccessListMode::Keep, id: IdMode::GenerateWhereAbsent };
    let mut parser = RecordParser::new(Arc::clone(&layout), options)?;
    let mut builder = BatchBuilder::new(layout);
    let lines: Vec<String> = (0..LINES).map(line).collect();
    let rows = measure(&lines, |number, line| {
        if builder.is_full() || number == 1 {
            let batch = builder.finish();
            builder.recycle(batch);
        }
        parser.parse(line, number, &String::new, &mut builder).is_ok()
    })?;
    let trees = measure(&lines, |_, line| serde_json::from_str::<serde_json::Value>(line).is_ok())?;
    println!("rows are made {:.1} times as fast as trees", trees / rows);
    Ok(())
}

/// Seconds that it takes to read all lines, [`ROUNDS`] times; prints the speed.
fn measure(lines: &[String], mut read: impl FnMut(u64, &str) -> bool) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for (number, line) in (1..).zip(lines) {
            if !read(number, line) {
                return Err(line.clone().into());
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let count = f64::from(u32::try_from(LINES * ROUNDS)?);
    let bytes = f64::from(u32::try_from(lines.iter().map(String::len).sum::<usize>())?)
        * f64::from(u32::try_from(ROUNDS)?);
    println!(
        "{:.0} bytes a line, {:.0} lines/s, {:.0} MB/s",
        bytes / count,
        count / seconds,
        bytes / seconds / 1e6
    );
    Ok(seconds)
}
