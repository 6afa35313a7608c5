//! How fast lines become typed rows: `cargo run --release -p reinstate-describe --example record_speed`.
//!
//! Parses generated lines of 19 columns, like those of the bench of restores, again and again and prints lines and
//! megabytes a second; then the same without the quick way, and with `serde_json` into a tree of values, as a measure
//! of the machine.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reinstate_describe::{
    AccessListMode, BatchBuilder, Field, FieldType, IdMode, Layout, Model, Name, ParseOptions, RecordParser,
};

const LINES: usize = 2_000;
const ROUNDS: usize = 500;

const FIELDS: [(&str, FieldType); 16] = [
    ("name", FieldType::Text),
    ("email", FieldType::Text),
    ("city", FieldType::Text),
    ("country", FieldType::Text),
    ("status", FieldType::Text),
    ("note", FieldType::Text),
    ("amount", FieldType::Decimal),
    ("quantity", FieldType::Integer),
    ("views", FieldType::Bigint),
    ("score", FieldType::Decimal),
    ("active", FieldType::Boolean),
    ("verified", FieldType::Boolean),
    ("ordered_at", FieldType::Timestamp),
    ("day", FieldType::Date),
    ("reference", FieldType::Uuid),
    ("attributes", FieldType::Jsonb),
];

fn model() -> Result<Model, Box<dyn Error>> {
    let mut model = Model::new(Name::new("orders")?);
    for (name, field_type) in FIELDS {
        model = model.with_field(Field::new(Name::new(name)?, field_type));
    }
    Ok(model)
}

fn line(number: usize) -> String {
    let (second, seed) = (number % 60, number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    format!(
        "{{\"id\":\"0194a1b2-c3d4-7000-8000-{number:012x}\",\"created_at\":\"2025-01-01T00:00:{second:02}Z\",\
         \"updated_at\":\"2025-01-01T00:00:{second:02}Z\",\"name\":\"amber\",\"email\":\"amber@{}.example\",\
         \"city\":\"Nairobi\",\"country\":\"KE\",\"status\":\"open\",\"note\":\"juniper\",\"amount\":{}.{:02},\
         \"quantity\":{},\"views\":{},\"score\":0.{},\"active\":{},\"verified\":true,\
         \"ordered_at\":\"2024-12-31T23:59:{second:02}Z\",\"day\":\"2024-11-{:02}\",\
         \"reference\":\"{:08x}-c3d4-4000-8000-00000000000a\",\"attributes\":{{\"tag\":\"ember\",\"rank\":{}}}}}",
        number % 977,
        seed % 100_000,
        1 + seed % 9 + 10 * (number % 9),
        number % 1000,
        seed % (1 << 40),
        1 + seed % 9 + 10 * (1 + number % 900),
        seed & 1 == 1,
        1 + number % 30,
        seed >> 32,
        number % 100,
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let layout = Arc::new(Layout::new(model()?));
    let options =
        ParseOptions { now_micros: 0, access_lists: AccessListMode::Keep, id: IdMode::GenerateWhereAbsent };
    let mut parser = RecordParser::new(Arc::clone(&layout), options)?;
    let mut builder = BatchBuilder::new(layout);
    let lines: Vec<String> = (0..LINES).map(line).collect();
    let mut rows = |is_quick| {
        parser.set_quick(is_quick);
        measure(&lines, |number, line| {
            if builder.is_full() || number == 1 {
                drop(builder.finish());
            }
            parser.parse(line, number, &String::new, &mut builder).is_ok()
        })
    };
    let quick = rows(true)?;
    // `quick` alone is for a profiler.
    if std::env::args().any(|argument| argument == "quick") {
        return Ok(());
    }
    let slow = rows(false)?;
    let trees = measure(&lines, |_, line| serde_json::from_str::<serde_json::Value>(line).is_ok())?;
    println!("rows are made {:.1} and {:.1} times as fast as trees", trees / quick, trees / slow);
    Ok(())
}

/// A moment, by how long this thread has had a processor; by the clock where the system does not say.
struct Processor {
    clock: Instant,
    nanos: Option<u64>,
}

impl Processor {
    fn now() -> Self {
        Self { clock: Instant::now(), nanos: Self::nanos() }
    }

    fn nanos() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok()
    }

    /// Seconds since the moment.
    fn seconds(&self) -> f64 {
        match (self.nanos, Self::nanos()) {
            (Some(before), Some(now)) => Duration::from_nanos(now.saturating_sub(before)).as_secs_f64(),
            _ => self.clock.elapsed().as_secs_f64(),
        }
    }
}

/// Seconds that it takes to read all lines, [`ROUNDS`] times; prints the speed.
fn measure(lines: &[String], mut read: impl FnMut(u64, &str) -> bool) -> Result<f64, Box<dyn Error>> {
    let start = Processor::now();
    for _ in 0..ROUNDS {
        for (number, line) in (1..).zip(lines) {
            if !read(number, line) {
                return Err(line.clone().into());
            }
        }
    }
    let seconds = start.seconds();
    let count = f64::from(u32::try_from(LINES * ROUNDS)?);
    let bytes = f64::from(u32::try_from(lines.iter().map(String::len).sum::<usize>())?)
        * f64::from(u32::try_from(ROUNDS)?);
    println!(
        "{:.0} bytes a line, {:.3} µs a line, {:.0} MB/s",
        bytes / count,
        seconds / count * 1e6,
        bytes / seconds / 1e6
    );
    Ok(seconds)
}
