//! The settings as flags of a command. Secrets have none: other users of a machine see its command lines.

use std::path::PathBuf;

use clap::Args;

use super::{FileOrigin, Layers, Origins};
use crate::error::ProgramError;

/// The file and the flags of settings.
#[derive(Debug, Default, Args)]
pub(crate) struct SettingFlags {
    /// Configuration file [default: reinstate.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:9001]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Folder of databases and uploads [default: ./reinstate-data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Database: sqlite://FOLDER or postgres://… without a password [default: sqlite:// and the data folder]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Seconds to wait at the start for a database that is not there yet [default: 30]
    #[arg(long, value_name = "SECONDS")]
    database_wait_s: Option<String>,
    /// Connections that read the control plane [default: 8]
    #[arg(long, value_name = "NUMBER")]
    control_pool_size: Option<String>,
    /// Connections to tenants' data [default: 4 a tenant; with PostgreSQL 16 in all]
    #[arg(long, value_name = "NUMBER")]
    tenant_pool_size: Option<String>,
    /// PEM public key of RS256, ES256 or EdDSA tokens
    #[arg(long, value_name = "FILE")]
    jwt_public_key: Option<String>,
    /// Path or https address of a JWK set
    #[arg(long, value_name = "LOCATION")]
    jwks: Option<String>,
    /// Runs worked on at once; 0 serves the API alone [default: number of cores]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<String>,
    /// Seconds without a sign of life after which others take a run over [default: 15]
    #[arg(long, value_name = "SECONDS")]
    lease_s: Option<String>,
    /// Largest upload, such as 512MB [default: 10GiB]
    #[arg(long, value_name = "SIZE")]
    max_upload_bytes: Option<String>,
    #[command(flatten)]
    storage: StorageFlags,
    /// Seconds that running restores may go on after SIGTERM [default: 30]
    #[arg(long, value_name = "SECONDS")]
    shutdown_grace_s: Option<String>,
    /// Filter of the log [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Form of the log: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Days that an upload is kept [default: 7]
    #[arg(long, value_name = "DAYS")]
    upload_retention_days: Option<String>,
    #[command(flatten)]
    archive: ArchiveFlags,
}

/// Where archives are kept.
#[derive(Debug, Default, Args)]
struct StorageFlags {
    /// Where archives are kept: file://FOLDER, s3://BUCKET, gs://BUCKET or az://CONTAINER, with /PREFIX if you like
    /// [default: file:// and objects in the data folder]
    #[arg(long, value_name = "URL")]
    storage_url: Option<String>,
    /// Address of an S3-compatible service [default: Amazon's]
    #[arg(long, value_name = "URL")]
    storage_s3_endpoint: Option<String>,
    /// Region of an S3 bucket [default: AWS_REGION, else us-east-1]
    #[arg(long, value_name = "REGION")]
    storage_s3_region: Option<String>,
    /// Whether the name of an S3 bucket goes into the path of requests: true or false [default: false]
    #[arg(long, value_name = "BOOLEAN")]
    storage_s3_path_style: Option<String>,
    /// Whether a bucket may be reached without TLS: true or false [default: false]
    #[arg(long, value_name = "BOOLEAN")]
    storage_allow_http: Option<String>,
}

/// What an archive may ask for.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits of archives")]
struct ArchiveFlags {
    /// Entries [default: 10000]
    #[arg(long, value_name = "NUMBER")]
    archive_entries_max: Option<String>,
    /// Size of all entries, inflated [default: 100GiB]
    #[arg(long, value_name = "SIZE")]
    archive_bytes_max: Option<String>,
    /// How many times its packed size an entry may inflate to [default: 1000]
    #[arg(long, value_name = "NUMBER")]
    archive_inflation_ratio_max: Option<String>,
    /// Size up to which that does not matter [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    archive_inflation_free_bytes: Option<String>,
    /// Size of describe.yaml [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    archive_describe_bytes_max: Option<String>,
    /// Size of manifest.json [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    archive_manifest_bytes_max: Option<String>,
    /// Length of a line [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    archive_line_bytes_max: Option<String>,
}

impl SettingFlags {
    /// No flags, and maybe a file, for commands that only look something up.
    pub(crate) fn of_file(config: Option<PathBuf>) -> Self {
        Self { config, ..Self::default() }
    }

    /// All layers: defaults, file, environment, these flags.
    ///
    /// # Errors
    /// As [`Layers::load`]; a variable that is no text.
    pub(crate) fn layers(&self) -> Result<Layers, ProgramError> {
        Layers::load(Origins {
            file: self.config.clone().map_or(FileOrigin::Default, FileOrigin::Named),
            environment: super::variables()?,
            flags: self.pairs(),
        })
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let flags = [
            ("listen", &self.listen),
            ("data_dir", &self.data_dir),
            ("database_url", &self.database_url),
            ("database_wait_s", &self.database_wait_s),
            ("control_pool_size", &self.control_pool_size),
            ("tenant_pool_size", &self.tenant_pool_size),
            ("jwt_public_key", &self.jwt_public_key),
            ("jwks", &self.jwks),
            ("workers", &self.workers),
            ("lease_s", &self.lease_s),
            ("max_upload_bytes", &self.max_upload_bytes),
            ("storage_url", &self.storage.storage_url),
            ("storage_s3_endpoint", &self.storage.storage_s3_endpoint),
            ("storage_s3_region", &self.storage.storage_s3_region),
            ("storage_s3_path_style", &self.storage.storage_s3_path_style),
            ("storage_allow_http", &self.storage.storage_allow_http),
            ("shutdown_grace_s", &self.shutdown_grace_s),
            ("log", &self.log),
            ("log_format", &self.log_format),
            ("upload_retention_days", &self.upload_retention_days),
            ("archive_entries_max", &self.archive.archive_entries_max),
            ("archive_bytes_max", &self.archive.archive_bytes_max),
            ("archive_inflation_ratio_max", &self.archive.archive_inflation_ratio_max),
            ("archive_inflation_free_bytes", &self.archive.archive_inflation_free_bytes),
            ("archive_describe_bytes_max", &self.archive.archive_describe_bytes_max),
            ("archive_manifest_bytes_max", &self.archive.archive_manifest_bytes_max),
            ("archive_line_bytes_max", &self.archive.archive_line_bytes_max),
        ];
        flags.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::key::KEYS;
    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        flags: SettingFlags,
    }

    #[test]
    fn every_setting_but_the_secret_has_its_flag() {
        for key in KEYS {
            let flag = format!("--{}", key.name.replace('_', "-"));
            let parsed = Command::try_parse_from(["reinstate", &flag, "x"]);
            if key.name == "jwt_secret" {
                assert!(parsed.is_err());
            } else {
                assert_eq!(parsed.unwrap().flags.pairs(), [(key.name, "x".to_owned())]);
            }
        }
    }
}
