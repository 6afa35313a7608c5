//! Lines as text editors, scripts and attackers write them.

use std::io::Cursor;

use proptest::prelude::*;
use reinstate_archive::{Archive, ArchiveError, Limits};

use crate::forge::{Entry, zip};
use crate::{lines_of, lines_within, open};

#[track_caller]
fn assert_lines(content: &[u8], expected: &[(u64, &str)]) {
    for packed in [Entry::stored, Entry::deflated, Entry::zstd] {
        assert_entry_lines(packed("a.jsonl", content), expected);
    }
}

#[track_caller]
fn assert_entry_lines(entry: Entry, expected: &[(u64, &str)]) {
    let lines = lines_of(zip([entry]), "a.jsonl").unwrap();
    let lines: Vec<_> = lines.iter().map(|(number, text)| (*number, text.as_str())).collect();
    assert_eq!(lines, expected);
}

#[test]
fn both_line_breaks_and_a_missing_last_one_are_read() {
    assert_lines(b"a\nb\n", &[(1, "a"), (2, "b")]);
    assert_lines(b"a\r\nb\r\n", &[(1, "a"), (2, "b")]);
    assert_lines(b"a\nb", &[(1, "a"), (2, "b")]);
    assert_lines(b"a\r\nb\r", &[(1, "a"), (2, "b")]);
    assert_lines(b"a", &[(1, "a")]);
    assert_lines(b"", &[]);
}

#[test]
fn blank_lines_are_left_out_and_counted_in_the_numbers() {
    assert_lines(b"\n\na\n \t\r\n\r\nb\n\n", &[(3, "a"), (6, "b")]);
    assert_lines(b"\n\n  ", &[]);
}

#[test]
fn a_byte_order_mark_is_taken_off_the_first_line_only() {
    assert_lines(b"\xEF\xBB\xBFa\n\xEF\xBB\xBFb\n", &[(1, "a"), (2, "\u{feff}b")]);
    assert_lines(b"\xEF\xBB\xBF\na", &[(2, "a")]);
    assert_lines(b"\xEF\xBB\xBF", &[]);
}

#[test]
fn lines_around_the_size_of_the_buffer_arrive_whole() {
    let size = 256 << 10;
    let room = 16 << 10;
    for length in [room - 1, room, room + 1, size - 1, size, size + 1, 2 * size, 3 * size + 7] {
        let long = "x".repeat(length);
        let content = format!("a\n{long}\nb\n{long}");
        let entry = Entry::stored("a.jsonl", content.as_bytes());
        assert_entry_lines(entry, &[(1, "a"), (2, &long), (3, "b"), (4, &long)]);
    }
}

#[test]
fn lines_of_every_length_arrive_whole() {
    let content: String = (0..1_000).map(|length| "y".repeat(length) + "\n").collect();
    let lines = lines_of(zip([Entry::deflated("a.jsonl", content.as_bytes())]), "a.jsonl").unwrap();
    assert_eq!(lines.len(), 999);
    assert!(lines.iter().all(|(number, text)| text.len() as u64 + 1 == *number));
}

#[test]
fn a_reader_that_is_dropped_or_stopped_ends_the_thread_ahead_of_it() {
    let content = "{}\n".repeat(2 << 20);
    let mut archive = open(zip([Entry::deflated("a.jsonl", content.as_bytes())])).unwrap();
    std::thread::scope(|scope| {
        let mut lines = archive.lines_ahead("a.jsonl", scope).unwrap();
        assert_eq!(lines.next_line().unwrap().unwrap().text, "{}");
    });
    let read = std::thread::scope(|scope| {
        let asked = std::cell::Cell::new(0);
        let stop = move || asked.replace(asked.get() + 1) == 3;
        let mut lines = archive.lines_ahead("a.jsonl", scope).unwrap().with_stop(stop);
        std::iter::from_fn(|| lines.next_line().map(|line| line.map(drop)).transpose()).find_map(Result::err)
    });
    assert!(matches!(read, Some(ArchiveError::Stopped { entry }) if entry == "a.jsonl"));
}

#[test]
fn bad_utf8_names_entry_line_and_byte() {
    for (content, line, column) in
        [(&b"ok\n\n{\"a\":\"\xFF\"}\n"[..], 3, 7), (b"\xC3", 1, 1), (b"\xED\xA0\x80\n", 1, 1)]
    {
        let error = lines_of(zip([Entry::stored("a.jsonl", content)]), "a.jsonl").unwrap_err();
        assert!(
            matches!(&error, ArchiveError::BadUtf8 { entry, line: l, column: c }
                if entry == "a.jsonl" && (*l, *c) == (line, column)),
            "{error}"
        );
        assert_eq!(error.line(), Some(line));
    }
}

#[test]
fn a_character_split_by_the_buffer_is_no_fault() {
    let long = format!("a{}", "é".repeat(300_000));
    assert_entry_lines(Entry::stored("a.jsonl", long.as_bytes()), &[(1, &long)]);
}

#[test]
fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
    let limits = Limits { line_bytes_max: 5, ..Limits::default() };
    let lines =
        |content: &[u8]| lines_within(zip([Entry::stored("a.jsonl", content)]), "a.jsonl", limits.clone());
    for fitting in [&b"12345"[..], b"12345\n", b"12345\r\n", b"\xEF\xBB\xBF12345\r\n", b"12345\r"] {
        assert_eq!(lines(fitting).unwrap(), [(1, "12345".to_owned())]);
    }
    for over in [&b"a\n123456"[..], b"a\n123456\n", b"a\n123456\r\n", b"a\n            \n"] {
        let error = lines(over).unwrap_err();
        assert!(matches!(error, ArchiveError::LineTooLong { line: 2, limit: 5, .. }), "{error}");
    }
}

#[test]
fn a_line_without_end_is_refused_before_the_entry_is_read_through() {
    let limits = Limits { line_bytes_max: 300 << 10, ..Limits::default() };
    // The entry is cut off: who reads on to its end finds that instead.
    let endless = Entry::stored("a.jsonl", &vec![b'x'; 900 << 10]).with(|entry| {
        entry.uncompressed += 1;
        entry.local_uncompressed += 1;
    });
    let error = lines_within(zip([endless]), "a.jsonl", limits).unwrap_err();
    assert!(matches!(error, ArchiveError::LineTooLong { line: 1, .. }), "{error}");
}

#[test]
fn progress_grows_from_nothing_to_the_size_of_the_entry() {
    let content = b"one\r\n\ntwo\nthree";
    let mut archive = open(zip([Entry::deflated("a.jsonl", content)])).unwrap();
    let mut lines = archive.lines("a.jsonl").unwrap();
    assert_eq!(lines.bytes_read(), 0);
    let mut seen = Vec::new();
    while lines.next_line().unwrap().is_some() {
        seen.push((lines.bytes_read(), lines.records()));
    }
    assert_eq!(seen, [(5, 1), (10, 2), (15, 3)]);
    assert_eq!(lines.bytes_read(), content.len() as u64);
    assert!(lines.next_line().unwrap().is_none());
}

#[test]
fn after_an_error_nothing_more_is_handed_out() {
    let mut archive = open(zip([Entry::stored("a.jsonl", b"\xFF\n{}\n")])).unwrap();
    let mut lines = archive.lines("a.jsonl").unwrap();
    assert!(matches!(lines.next_line().unwrap_err(), ArchiveError::BadUtf8 { .. }));
    assert!(matches!(lines.next_line().unwrap_err(), ArchiveError::Spent { .. }));
}

#[test]
fn an_entry_can_be_read_again_from_its_start() {
    let mut archive =
        open(zip([Entry::deflated("a.jsonl", b"1\n2\n"), Entry::zstd("b.jsonl", b"3\n")])).unwrap();
    for (name, first) in [("a.jsonl", "1"), ("b.jsonl", "3"), ("a.jsonl", "1")] {
        assert_eq!(archive.lines(name).unwrap().next_line().unwrap().unwrap().text, first);
    }
}

#[test]
fn only_data_entries_have_lines() {
    let mut archive = open(zip([Entry::stored("describe.yaml", b""), Entry::stored("x.txt", b"")])).unwrap();
    for name in ["describe.yaml", "x.txt", "nothing.jsonl", ""] {
        assert!(matches!(archive.lines(name).unwrap_err(), ArchiveError::NoSuchEntry { .. }), "{name}");
    }
}

#[test]
fn verifying_counts_records_without_looking_at_their_text() {
    let bytes = zip([Entry::deflated("a.jsonl", b"\n1\n\xFF\n  \n3"), Entry::stored("x.txt", b"a\nb")]);
    let mut archive = Archive::open(Cursor::new(bytes), Limits::default()).unwrap();
    assert_eq!(archive.verify_entry("a.jsonl").unwrap().records, Some(3));
    assert_eq!(archive.verify_entry("x.txt").unwrap().records, None);
}

/// Numbers and bytes of the lines that aren't blank, by the book and without a buffer.
fn naive_lines(content: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    (1..)
        .zip(content.split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_are_those_of_a_naive_splitter(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("\n"), Just("\r\n"), Just("\r"), Just(" "), Just("\u{feff}"), Just("x"), Just("{\"é\":1}"),
            ],
            0..60,
        ),
    ) {
        let content = pieces.concat();
        let expected = naive_lines(content.as_bytes());
        let read = lines_of(zip([Entry::stored("a.jsonl", content.as_bytes())]), "a.jsonl").unwrap();
        let read: Vec<_> = read.into_iter().map(|(number, text)| (number, text.into_bytes())).collect();
        prop_assert_eq!(read, expected);
    }
}
