//! Everything that can end a command early, and the exit code that it ends with.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use reinstate_api::client::ClientError;
use reinstate_http::AppStateError;
use reinstate_http::auth::MintError;
use reinstate_jobs::JobsError;
use reinstate_store::StoreError;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// The configuration file cannot be read.
    #[error("cannot read {path}: {message}")]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A key that is no setting.
    #[error("unknown setting '{name}' in {origin}; the settings are {known}")]
    SettingUnknown {
        /// The key as it was spelled.
        name: String,
        /// The layer that has it.
        origin: String,
        /// The names of all settings.
        known: String,
    },
    /// A value that does not fit. Never repeats the value, which may be a secret.
    #[error("the setting '{name}' from {origin} {problem}")]
    SettingInvalid {
        /// The setting.
        name: &'static str,
        /// The layer that has it.
        origin: String,
        /// What is wrong, as the end of the sentence.
        problem: String,
    },
    /// Nothing to check tokens with.
    #[error(
        "no key to check tokens with is set. Set one of REINSTATE_JWT_SECRET (an HS256 secret of at least 32 \
         bytes, for example from `openssl rand -hex 32`), REINSTATE_JWT_PUBLIC_KEY (the path of a PEM public key) \
         or REINSTATE_JWKS (the path or https address of a JWK set)"
    )]
    TokenKeyMissing,
    /// More than one way to check tokens.
    #[error("more than one token key is set: set one of jwt_secret, jwt_public_key and jwks")]
    TokenKeysSeveral,
    /// A variable that is no text.
    #[error("the environment variable {name} is not valid UTF-8")]
    VariableNotText {
        /// The variable.
        name: String,
    },
    /// Only a server with a secret can be given tokens by this program.
    #[error(
        "tokens are made with a secret: set REINSTATE_JWT_SECRET to the one of the server; with a public key or a \
         JWK set, tokens come from whoever holds the private key"
    )]
    SecretMissing,
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {message}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        message: String,
    },
    /// The database, with what it said: whoever starts a server is to know.
    #[error("{}", with_causes(.0))]
    Store(#[from] StoreError),
    /// The database server is not there.
    #[error("the database did not come up within {waited_s} s: {message}")]
    DatabaseAway {
        /// How long it was waited for, in seconds.
        waited_s: u64,
        /// What the last try met.
        message: String,
    },
    /// Workers or stored uploads.
    #[error(transparent)]
    Jobs(#[from] JobsError),
    /// The application cannot be put together, most likely because of the token key.
    #[error(transparent)]
    App(#[from] AppStateError),
    /// A token cannot be signed.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The user stopped an upload.
    #[error("interrupted before the upload was complete; nothing was queued")]
    UploadInterrupted,
    /// The file that is to be written is there.
    #[error("{path} is there already; --force overwrites it")]
    OutputExists {
        /// The file.
        path: PathBuf,
    },
    /// The user stopped an extract before it began.
    #[error("interrupted before the extract was queued")]
    ExtractInterrupted,
    /// The user stopped a download.
    #[error(
        "interrupted before the download was complete; the server keeps the archive of run {run_id} for a day"
    )]
    DownloadInterrupted {
        /// The run.
        run_id: String,
    },
    /// The server refused, or is not there.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// A failure with everything that led to it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text.trim_end().to_owned()
}

impl ProgramError {
    /// The program's exit code: 2 where the command was called wrongly, else 1; 0 where the reader of the output
    /// has had enough and went away.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::FileUnreadable { .. }
            | Self::SettingUnknown { .. }
            | Self::SettingInvalid { .. }
            | Self::TokenKeyMissing
            | Self::TokenKeysSeveral
            | Self::VariableNotText { .. }
            | Self::SecretMissing
            | Self::OutputExists { .. }
            | Self::App(_)
            | Self::Client(
                ClientError::Address { .. } | ClientError::File { .. } | ClientError::Unwritable { .. },
            ) => 2,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_)
            | Self::Listen { .. }
            | Self::Store(_)
            | Self::DatabaseAway { .. }
            | Self::Jobs(_)
            | Self::Mint(_)
            | Self::UploadInterrupted
            | Self::ExtractInterrupted
            | Self::DownloadInterrupted { .. }
            | Self::Client(_) => 1,
        }
    }
}
