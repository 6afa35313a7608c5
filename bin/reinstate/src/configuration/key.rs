//! The settings by name, each with its default. `docs/operations.md` lists the same, which a test compares.

/// A setting: `name` in the file, `REINSTATE_NAME` in the environment, `--name` with dashes as a flag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// The name.
    pub(crate) name: &'static str,
    /// The value where nobody sets one; `None` where the default follows from other settings or there is none.
    pub(crate) default: Option<&'static str>,
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, default }
}

/// Every setting.
pub(crate) const KEYS: [Key; 28] = [
    key("listen", Some("127.0.0.1:9001")),
    key("data_dir", Some("./reinstate-data")),
    key("database_url", None),
    key("database_wait_s", Some("30")),
    key("control_pool_size", Some("8")),
    key("tenant_pool_size", None),
    key("jwt_secret", None),
    key("jwt_public_key", None),
    key("jwks", None),
    key("workers", None),
    key("lease_s", Some("15")),
    key("max_upload_bytes", Some("10GiB")),
    key("storage_url", None),
    key("storage_s3_endpoint", None),
    key("storage_s3_region", None),
    key("storage_s3_path_style", Some("false")),
    key("storage_allow_http", Some("false")),
    key("shutdown_grace_s", Some("30")),
    key("log", Some("info")),
    key("log_format", Some("text")),
    key("upload_retention_days", Some("7")),
    key("archive_entries_max", Some("10000")),
    key("archive_bytes_max", Some("100GiB")),
    key("archive_inflation_ratio_max", Some("1000")),
    key("archive_inflation_free_bytes", Some("16MiB")),
    key("archive_describe_bytes_max", Some("16MiB")),
    key("archive_manifest_bytes_max", Some("16MiB")),
    key("archive_line_bytes_max", Some("16MiB")),
];

/// Environment variables of the same prefix that belong to clients and tests.
const FOREIGN: [&str; 2] = ["REINSTATE_TOKEN", "REINSTATE_URL"];
const FOREIGN_PREFIX: &str = "REINSTATE_TEST_";

/// Whether a variable with our prefix is not a setting and nobody's mistake.
pub(crate) fn is_foreign(variable: &str) -> bool {
    FOREIGN.contains(&variable) || variable.starts_with(FOREIGN_PREFIX)
}

/// Whether there is a setting of this name.
pub(crate) fn is_known(name: &str) -> bool {
    KEYS.iter().any(|key| key.name == name)
}

/// Every setting's name, for messages.
pub(crate) fn names() -> String {
    KEYS.map(|key| key.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_the_operations_document() {
        let document = include_str!("../../../../docs/operations.md");
        for key in KEYS {
            let variable = format!("| `REINSTATE_{}` |", key.name.to_ascii_uppercase());
            let row = document.lines().find(|line| line.starts_with(&variable));
            let row = row.unwrap_or_else(|| panic!("docs/operations.md does not list {}", key.name));
            if let Some(default) = key.default {
                assert!(row.contains(&format!("| `{default}` |")), "{row} names another default");
            }
        }
    }
}
