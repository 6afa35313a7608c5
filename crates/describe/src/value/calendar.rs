//! The proleptic Gregorian calendar, and a cursor over the digits of its texts.

/// First day of year 1, in days since 1970-01-01.
pub(super) const DAY_MIN: i64 = -719_162;
/// Last day of year 9999.
pub(super) const DAY_MAX: i64 = 2_932_896;

/// Length of `YYYY-MM-DD`.
pub(super) const DATE_BYTES: usize = 10;

/// Days since 1970-01-01 of `YYYY-MM-DD`, all of the text.
pub(super) fn date_of(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    days_from_civil(number([*y1, *y2, *y3, *y4])?, number([*m1, *m2])?, number([*d1, *d2])?)
}

/// The number that is spelled by so many digits.
#[inline]
pub(super) fn number<const DIGITS: usize>(digits: [u8; DIGITS]) -> Option<i64> {
    let mut number = 0;
    let mut has_other = false;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        has_other |= digit > 9;
        number = number * 10 + i64::from(digit);
    }
    (!has_other).then_some(number)
}

/// Days since 1970-01-01 of a date; `None` where the calendar has no such date in the years 1 to 9999.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
    {
        return None;
    }
    // Years counted from March, so that the leap day is the last of its year; eras of 400 years.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
pub(super) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The two digits of a number below 100.
pub(super) const fn pair(number: u8) -> [u8; 2] {
    [b'0' + number / 10, b'0' + number % 10]
}

/// The lower two digits of a number that is not negative, and what is before them.
pub(super) fn split_pair(number: i64) -> (i64, [u8; 2]) {
    (number / 100, pair(u8::try_from(number % 100).unwrap_or_default()))
}

/// Appends characters of ASCII.
pub(super) fn push_ascii(out: &mut String, text: &[u8]) {
    out.push_str(std::str::from_utf8(text).unwrap_or_default());
}

/// `YYYY-MM-DD` of a day in the years 1 to 9999.
pub(super) fn date_text(days: i64) -> [u8; 10] {
    let (year, month, day) = civil_from_days(days);
    let (century, [y2, y3]) = split_pair(year);
    let (_, [y0, y1]) = split_pair(century);
    let (_, [m0, m1]) = split_pair(month);
    let (_, [d0, d1]) = split_pair(day);
    [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1]
}

/// Reads a text from its front.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl Cursor<'_> {
    /// The next byte, left where it is.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Takes the next byte where it is one of `bytes`.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Takes exactly `count` digits as a number.
    #[inline]
    pub(super) fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for byte in head {
            if !byte.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i64::from(byte - b'0');
        }
        self.0 = rest;
        Some(number)
    }

    /// Takes `YYYY-MM-DD` as days since 1970-01-01.
    pub(super) fn date(&mut self) -> Option<i64> {
        let (date, rest) = self.0.split_at_checked(DATE_BYTES)?;
        self.0 = rest;
        date_of(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_comes_back() {
        for days in DAY_MIN..=DAY_MAX {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), Some(days));
        }
        assert_eq!(civil_from_days(DAY_MIN), (1, 1, 1));
        assert_eq!(civil_from_days(DAY_MAX), (9999, 12, 31));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (0, 1, 1), (2024, 13, 1), (2024, 4, 31), (2024, 1, 0)]
        {
            assert_eq!(days_from_civil(year, month, day), None);
        }
        assert!(days_from_civil(2000, 2, 29).is_some());
    }
}
