//! `reinstate extract` without a server.

use crate::program::{run, stderr};

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.zip");
    let (file, folder_name) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    for arguments in [
        vec!["extract", "--token", "t"],
        vec!["extract", "-o", file],
        vec!["extract", "-o", file, "--token", "t", "--include", "everything"],
        vec!["extract", "-o", file, "--token", "t", "--filter", "orders"],
        vec!["extract", "-o", file, "--token", "t", "--filter", r#"{"orders":"paid"}"#],
        vec!["extract", "-o", file, "--token", "t", "--url", "no address"],
        vec!["extract", "-o", folder_name, "--token", "t", "--force"],
        vec!["extract", "-o", "/nowhere/at/all.zip", "--token", "t"],
        vec!["extract", "-o", "/dev/null", "--token", "t", "--force"],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_server_that_is_not_there_ends_with_1_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.zip");
    let output =
        run(&["extract", "-o", file.to_str().unwrap(), "--token", "t", "--url", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("127.0.0.1:9"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
