//! Exact decimals: a number of base-10,000 digits, the weight of the first, a sign, and the digits shown after
//! the point.

use reinstate_describe::value::decimal::FRACTION_DIGITS_MAX;

use super::{CodecError, take};

/// Decimal digits in one of the format's.
const GROUP: usize = 4;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// Appends a canonical decimal.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let fault = || CodecError::Cell("numeric");
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (NEGATIVE, unsigned),
        None => (POSITIVE, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_fit = !whole.is_empty() && fraction.len() <= FRACTION_DIGITS_MAX;
    if !is_fit || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(fault());
    }
    let whole = whole.trim_start_matches('0');
    let head = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut groups = Groups { out, weight: None, count: 0, trailing_zeros: 0 };
    let whole_groups = whole.len().div_ceil(GROUP);
    let first = whole.len() % GROUP;
    let (first, rest) = whole.split_at(if first == 0 { GROUP.min(whole.len()) } else { first });
    let mut weight = i64::try_from(whole_groups).map_err(|_| fault())? - 1;
    for digits in std::iter::once(first.as_bytes()).chain(rest.as_bytes().chunks(GROUP)) {
        if !digits.is_empty() {
            groups.push(value_of(digits), weight);
            weight -= 1;
        }
    }
    weight = -1;
    for digits in fraction.as_bytes().chunks(GROUP) {
        let missing = u32::try_from(GROUP - digits.len()).map_err(|_| fault())?;
        groups.push(value_of(digits) * 10_u16.pow(missing), weight);
        weight -= 1;
    }
    let (count, weight) = groups.finish();
    let fields = [
        u16::try_from(count).map_err(|_| fault())?,
        i16::try_from(weight).map_err(|_| fault())?.cast_unsigned(),
        if count == 0 { POSITIVE } else { sign },
        u16::try_from(fraction.len()).map_err(|_| fault())?,
    ];
    let places = out.get_mut(head..).into_iter().flat_map(|tail| tail.chunks_exact_mut(2));
    for (place, field) in places.zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    Ok(())
}

fn value_of(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

/// Groups as they are written: zeros in front and behind are left out.
struct Groups<'a> {
    out: &'a mut Vec<u8>,
    weight: Option<i64>,
    count: usize,
    trailing_zeros: usize,
}

impl Groups<'_> {
    fn push(&mut self, group: u16, weight: i64) {
        if self.weight.is_none() {
            if group == 0 {
                return;
            }
            self.weight = Some(weight);
        }
        self.out.extend_from_slice(&group.to_be_bytes());
        self.count += 1;
        self.trailing_zeros = if group == 0 { self.trailing_zeros + 1 } else { 0 };
    }

    fn finish(self) -> (usize, i64) {
        self.out.truncate(self.out.len() - 2 * self.trailing_zeros);
        (self.count - self.trailing_zeros, self.weight.unwrap_or_default())
    }
}

/// Reads a decimal and appends its canonical text.
pub(super) fn decode(mut bytes: &[u8], text: &mut String) -> Result<(), CodecError> {
    let fault = CodecError::Bytes("numeric");
    let mut field = || take::<2>(&mut bytes, "numeric");
    let count = usize::from(u16::from_be_bytes(field()?));
    let weight = i32::from(i16::from_be_bytes(field()?));
    let sign = u16::from_be_bytes(field()?);
    field()?;
    if bytes.len() != count * 2 || !(sign == POSITIVE || sign == NEGATIVE) {
        // NaN and the infinities have signs of their own.
        return Err(fault);
    }
    let mut groups = bytes.chunks_exact(2).map(|group| match group {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    });
    let start = text.len();
    if sign == NEGATIVE {
        text.push('-');
    }
    let sign_end = text.len();
    for _ in 0..=weight.max(-1) {
        let group = groups.next().unwrap_or_default();
        let is_first = text.len() == sign_end;
        push_group(text, group, is_first)?;
    }
    if text.len() == sign_end {
        text.push('0');
    }
    let whole_end = text.len();
    text.push('.');
    // Groups of zeros between the point and the first that was sent.
    for _ in weight + 1..0 {
        text.push_str("0000");
    }
    for group in groups {
        push_group(text, group, false)?;
    }
    let kept = text.bytes().rposition(|digit| digit != b'0').map_or(0, |last| last + 1);
    text.truncate(if kept == whole_end + 1 { whole_end } else { kept });
    if text.get(start..) == Some("-0") {
        text.truncate(start);
        text.push('0');
    }
    Ok(())
}

/// Appends four digits; without zeros in front where they are the first.
fn push_group(text: &mut String, group: u16, is_first: bool) -> Result<(), CodecError> {
    if group >= 10_000 {
        return Err(CodecError::Bytes("numeric"));
    }
    let pair =
        |number: u16| u8::try_from(number).map_or([b'0'; 2], |pair| [b'0' + pair / 10, b'0' + pair % 10]);
    let ([thousands, hundreds], [tens, ones]) = (pair(group / 100), pair(group % 100));
    let digits = [thousands, hundreds, tens, ones];
    let zeros = if is_first { digits.iter().take_while(|digit| **digit == b'0').count() } else { 0 };
    let digits = digits.get(zeros..).and_then(|digits| std::str::from_utf8(digits).ok());
    text.push_str(digits.unwrap_or_default());
    Ok(())
}
