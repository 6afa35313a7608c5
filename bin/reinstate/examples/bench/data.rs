//! Records of 19 columns and about 456 bytes a line, from a seed.

use std::fmt::Write;

/// The definitions of the fields.
pub(crate) const FIELDS: &str = "    name: { type: text, required: true }
    email: { type: text }
    city: { type: text }
    country: { type: text }
    status: { type: text }
    note: { type: text }
    amount: { type: decimal }
    quantity: { type: integer }
    views: { type: bigint }
    score: { type: decimal }
    active: { type: boolean }
    verified: { type: boolean }
    ordered_at: { type: timestamp }
    day: { type: date }
    reference: { type: uuid }
    attributes: { type: jsonb }
";

/// Columns of the raw loop's table: `id`, two times, then the fields in their order.
pub(crate) const COLUMNS: [&str; 19] = [
    "id",
    "created_at",
    "updated_at",
    "name",
    "email",
    "city",
    "country",
    "status",
    "note",
    "amount",
    "quantity",
    "views",
    "score",
    "active",
    "verified",
    "ordered_at",
    "day",
    "reference",
    "attributes",
];

/// Microseconds since the epoch of the first record, and between two records.
const FIRST_MICROS: i64 = 1_735_689_600_000_000;
const STEP_MICROS: i64 = 1_000_000;

const CITIES: [&str; 8] = ["Lisbon", "Oslo", "Nairobi", "Lima", "Kyoto", "Tbilisi", "Hobart", "Quebec"];
const COUNTRIES: [&str; 8] = ["PT", "NO", "KE", "PE", "JP", "GE", "AU", "CA"];
const STATUSES: [&str; 4] = ["open", "paid", "sent", "closed"];
const WORDS: [&str; 16] = [
    "amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "harbor", "indigo", "juniper", "kelp",
    "lumen", "maple", "nectar", "onyx", "pebble",
];

/// One value of a record, as a database takes it.
pub(crate) enum Value {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

/// A generator that any seed puts at another place of one long sequence (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = self.below(choices.len() as u64) as usize;
        choices.get(index).copied().unwrap_or_default()
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.of(&WORDS)).collect::<Vec<_>>().join(" ")
    }
}

/// Records that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Set {
    /// Ids ascending.
    First,
    /// The ids of [`Set::First`] with other values.
    Changed,
    /// Ids in no order.
    RandomIds,
}

/// The values of record `number` in the order of [`COLUMNS`]; the same for the same seed.
pub(crate) fn record(number: u64, set: Set, seed: u64) -> [Value; 19] {
    let mut random = Random(seed.rotate_left(32) ^ number);
    let (a, b) = (random.next(), random.next());
    let id = match set {
        Set::First | Set::Changed => format!(
            "0194{number:08x}-7{:03x}-{:04x}-{:012x}",
            b % 4_096,
            0x8000 | (a % 0x4000),
            a % (1 << 48)
        ),
        Set::RandomIds => uuid(random.next(), random.next()),
    };
    if set == Set::Changed {
        random = Random((seed ^ 1).rotate_left(32) ^ number);
    }
    values(number, id, &mut random)
}

fn values(number: u64, id: String, random: &mut Random) -> [Value; 19] {
    let micros = FIRST_MICROS + STEP_MICROS * i64::try_from(number).unwrap_or_default();
    let (a, b) = (random.next(), random.next());
    let name = random.words(1);
    let text = |text: String| Value::Text(text);
    let choice = |text: &str| Value::Text(text.to_owned());
    [
        text(id),
        Value::Int(micros),
        Value::Int(micros),
        text(name.clone()),
        text(format!("{}@{}.example", name.replace(' ', "."), number % 977)),
        choice(random.of(&CITIES)),
        choice(random.of(&COUNTRIES)),
        choice(random.of(&STATUSES)),
        text(random.words(1)),
        text(format!("{}.{:02}", random.below(100_000), 1 + random.below(9) + 10 * random.below(9))),
        Value::Int(random.below(1_000) as i64),
        Value::Int(random.below(1 << 40) as i64),
        text(format!("0.{}", 1 + random.below(9) + 10 * (1 + random.below(900)))),
        Value::Int((a & 1) as i64),
        Value::Int((b & 1) as i64),
        Value::Int(micros - STEP_MICROS),
        Value::Int(20_000 + random.below(365) as i64),
        text(uuid(a, b)),
        text(format!(r#"{{"tag":"{}","rank":{}}}"#, random.of(&WORDS), random.below(100))),
    ]
}

/// A UUID of version 4 from random bits.
fn uuid(a: u64, b: u64) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        b >> 48,
        a % 4_096,
        (a >> 12) % 4_096,
        b % (1 << 48)
    )
}

/// Appends a record as a line of JSON.
pub(crate) fn write_line(values: &[Value; 19], line: &mut String) -> std::fmt::Result {
    for (index, (column, value)) in COLUMNS.iter().zip(values).enumerate() {
        line.push_str(if index == 0 { "{" } else { "," });
        write!(line, "\"{column}\":")?;
        match (*column, value) {
            ("created_at" | "updated_at" | "ordered_at", Value::Int(micros)) => {
                write!(line, "\"{}\"", instant(*micros))?
            }
            ("day", Value::Int(days)) => write!(line, "\"{}\"", date(*days))?,
            ("active" | "verified", Value::Int(flag)) => write!(line, "{}", *flag == 1)?,
            ("attributes" | "amount" | "score", Value::Text(text)) => line.push_str(text),
            (_, Value::Int(number)) => write!(line, "{number}")?,
            (_, Value::Text(text)) => write!(line, "\"{text}\"")?,
        }
    }
    line.push('}');
    Ok(())
}

fn instant(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    format!("{}T{:02}:{:02}:{:02}Z", date(days), second / 3_600, second / 60 % 60, second % 60)
}

/// A day counted from 1970-01-01, in the civil calendar.
fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
