//! `reinstate token` and `reinstate openapi`.

use crate::program::{SECRET, Server, block_on, command, finish, run, stderr, stdout, token};

#[test]
fn a_token_of_the_program_opens_its_tenant_and_level() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let client = |token: String| reinstate_api::client::Client::new(server.url(), token).unwrap();
    assert_eq!(block_on(client(token("acme", "read")).models()).unwrap(), Vec::<String>::new());
    let denied = block_on(client(token("acme", "deny")).models()).unwrap_err();
    assert_eq!(denied.code(), Some("FORBIDDEN"));
    let forged = block_on(client(token("acme", "read") + "x").models()).unwrap_err();
    assert_eq!(forged.code(), Some("AUTH_TOKEN_INVALID"));
}

#[test]
fn a_token_needs_the_secret_and_arguments_that_fit() {
    let output = run(&["token", "--tenant", "acme", "--access", "full"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("REINSTATE_JWT_SECRET"));
    for wrong in [
        ["token", "--tenant", "Not A Tenant", "--access", "full"],
        ["token", "--tenant", "acme", "--access", "some"],
    ] {
        let mut command = command(&wrong);
        command.env("REINSTATE_JWT_SECRET", SECRET);
        let output = finish(command);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn openapi_prints_the_document() {
    let output = run(&["openapi"]);
    let document: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(document["openapi"].is_string());
    assert!(document["paths"]["/api/restores/import"]["post"].is_object());
}
