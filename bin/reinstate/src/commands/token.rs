//! `reinstate token`: makes a token with the secret of the configuration.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use reinstate_describe::AccessLevel;
use reinstate_http::auth::{TokenRequest, mint};
use reinstate_store::TenantId;

use crate::configuration::{SettingFlags, Settings, TokenKeySetting, quantity};
use crate::error::ProgramError;

/// Makes a token for a tenant, signed (HS256) with the configured secret.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reinstate token --tenant acme --access full --ttl 8h")]
pub(crate) struct TokenArguments {
    /// Tenant that the token opens
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// What its holder may do
    #[arg(long, value_parser = PossibleValuesParser::new(["read", "edit", "full", "root", "deny"])
        .map(|text| AccessLevel::parse(&text).unwrap_or(AccessLevel::Deny)))]
    access: AccessLevel,
    /// User whom the token stands for
    #[arg(long, default_value = "cli")]
    user: String,
    /// How long the token is good for, such as 30m, 24h or 7d
    #[arg(long, default_value = "24h", value_parser = time_to_live)]
    ttl: Duration,
    /// Configuration file [default: reinstate.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints a token.
///
/// # Errors
/// Where no secret is set, or the output cannot be written.
pub(crate) fn run(arguments: &TokenArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let flags = SettingFlags::of_file(arguments.config.clone());
    let settings = Settings::from_layers(&flags.layers()?)?;
    let Some(TokenKeySetting::Secret(secret)) = &settings.token_key else {
        return Err(ProgramError::SecretMissing);
    };
    let request = TokenRequest {
        tenant: &arguments.tenant,
        level: arguments.access,
        user: &arguments.user,
        ttl: arguments.ttl,
    };
    writeln!(out, "{}", mint(secret.expose(), &request)?)?;
    Ok(true)
}

fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::new(text).map_err(|error| error.to_string())
}

fn time_to_live(text: &str) -> Result<Duration, String> {
    match quantity::duration(text, 1_000)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        ttl => Ok(ttl),
    }
}
