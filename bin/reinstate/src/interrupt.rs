//! Ctrl-C while a run is followed: asks once whether to cancel the run on the server.

use std::io::{BufRead, IsTerminal};

use tokio::sync::oneshot;

use crate::progress::Progress;

/// Resolves once the user has asked for the run to be cancelled: with a second Ctrl-C, or with `y` as the answer to
/// the question that the first one brings. Never resolves where Ctrl-C cannot be caught.
pub(crate) async fn cancel_is_wanted(progress: &Progress) {
    interrupted().await;
    let is_asked = std::io::stdin().is_terminal();
    progress.aside(|| match is_asked {
        true => eprint!("\nCancel the run on the server? It goes on without this program. [y/N] "),
        false => eprintln!("Press Ctrl-C again to cancel the run on the server"),
    });
    let answer = async {
        match is_asked && answered_yes().await {
            true => {}
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupted() => {}
        () = answer => {}
    }
}

/// Resolves with the next Ctrl-C. Never resolves where Ctrl-C cannot be caught.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Reads one line from the terminal. On a thread of its own, which is left behind if nobody ever answers.
async fn answered_yes() -> bool {
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // Nobody waits any more where the run has ended meanwhile.
        let _ = send.send(read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes"));
    });
    receive.await.unwrap_or(false)
}
