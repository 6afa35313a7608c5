//! Starting a server with settings that do not fit, and the help of every command.

use std::process::Stdio;

use crate::program::{SECRET, command, finish, run, stderr, stdout};

/// Runs `serve` with settings that keep it from starting.
fn refused(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["serve"]);
    command.current_dir(folder.path()).envs(settings.iter().copied());
    let output = finish(command);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        std::fs::read_dir(folder.path()).unwrap().next().is_none(),
        "something was made before the refusal"
    );
    stderr(&output)
}

#[test]
fn a_server_without_a_token_key_says_how_to_set_one() {
    let message = refused(&[]);
    for name in ["REINSTATE_JWT_SECRET", "REINSTATE_JWT_PUBLIC_KEY", "REINSTATE_JWKS"] {
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn settings_that_do_not_fit_are_named_and_secrets_are_not_shown() {
    assert!(refused(&[("REINSTATE_WORKRES", "1")]).contains("REINSTATE_WORKRES"));
    assert!(refused(&[("REINSTATE_WORKERS", "many")]).contains("workers"));
    let message = refused(&[("REINSTATE_JWT_SECRET", "hush")]);
    assert!(message.contains("jwt_secret") && !message.contains("hush"), "{message}");
    let two = refused(&[("REINSTATE_JWT_SECRET", SECRET), ("REINSTATE_JWKS", "keys.json")]);
    assert!(!two.contains(SECRET), "{two}");
    let postgres = [("REINSTATE_JWT_SECRET", SECRET), ("REINSTATE_DATABASE_URL", "postgres://u:p@w@host/d")];
    let message = refused(&postgres);
    assert!(message.contains("database_url") && !message.contains("p@w"), "{message}");
}

#[test]
fn a_key_file_that_is_not_there_is_named() {
    let output = finish({
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(folder.path().join("data")).env("REINSTATE_JWT_PUBLIC_KEY", "/nowhere/key.pem");
        command
    });
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nowhere/key.pem"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let mut command = command(&["openapi"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for name in ["serve", "demo", "import", "inspect", "token", "openapi"] {
        let output = run(&[name, "--help"]);
        assert!(output.status.success(), "{name}");
        assert!(
            stdout(&output).contains(&format!("Example:\n  reinstate {name}")) || name == "import",
            "{name}"
        );
        assert!(stdout(&output).contains("Example"), "{name}");
    }
}

#[test]
fn a_command_that_does_not_exist_is_wrong_usage() {
    assert_eq!(run(&["extrude"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
}
