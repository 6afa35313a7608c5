//! Names of files in headers: any text becomes one that every client reads and none is misled by.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in an extended parameter (RFC 8187) beside letters and digits.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The value of `Content-Disposition` for a file that is to be saved under `name`: a name in ASCII, and the exact one
/// beside it where the two differ.
pub(crate) fn disposition(name: &str) -> String {
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        let exact = utf8_percent_encode(name, ENCODED);
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
    }
}

/// Whether a character can stand in quotes and in a name on any system.
fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !"\"\\/%:*?<>|".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stand_as_they_are() {
        assert_eq!(disposition("Sales 1-run_2.zip"), r#"attachment; filename="Sales 1-run_2.zip""#);
    }

    #[test]
    fn other_names_come_in_two_spellings() {
        let expected = r#"attachment; filename="_berblick.zip"; filename*=UTF-8''%C3%9Cberblick.zip"#;
        assert_eq!(disposition("Überblick.zip"), expected);
        let hostile = disposition("a\"\r\nX: y/../c");
        let expected = "attachment; filename=\"a___X_ y_.._c\"; filename*=UTF-8''a%22%0D%0AX%3A%20y%2F..%2Fc";
        assert_eq!(hostile, expected);
    }
}
