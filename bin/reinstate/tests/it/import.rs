//! `reinstate demo`, and `reinstate import` without a server.

use crate::archives;
use crate::program::{run, stderr, stdout};

#[test]
fn the_demo_imports_the_sample_and_ends_with_once() {
    let output = run(&["demo", "--once"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    for part in ["tracks", "3,503", "playlist_tracks", "8,715", "15,607"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let sample = archives::sample();
    let sample = sample.to_str().unwrap();
    for arguments in [
        vec!["import", sample],
        vec!["import", "--token", "t"],
        vec!["import", sample, "--token", "t", "--conflict-strategy", "guess"],
        vec!["import", sample, "--token", "t", "--include", "everything"],
        vec!["import", sample, "--token", "t", "--url", "no address"],
        vec!["import", "/nowhere/at-all.zip", "--token", "t"],
    ] {
        assert_eq!(run(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_server_that_is_not_there_ends_with_1() {
    let output =
        run(&["import", archives::sample().to_str().unwrap(), "--token", "t", "--url", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("127.0.0.1:9"), "{}", stderr(&output));
}
