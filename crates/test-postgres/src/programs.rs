//! Where the server's programs are, and who may run them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Folders below which distributions keep the programs of each version in `VERSION/bin`.
const VERSIONED: [&str; 3] = ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt"];

/// Folders that hold the programs themselves.
const PLAIN: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"];

/// What a test says that found no server.
const NO_SERVER: &str = "no PostgreSQL was found. Install the server's programs (`initdb`, `postgres`), or set \
    REINSTATE_TEST_POSTGRES_URL to a running server whose role may create databases";

/// The folder with `initdb` and `postgres`; installs them where they are missing and that is possible.
///
/// # Panics
/// Where there are none and none can be installed.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        find().unwrap_or_else(|| {
            install();
            find().unwrap_or_else(|| panic!("{NO_SERVER}"))
        })
    })
}

fn find() -> Option<PathBuf> {
    let is_complete =
        |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let searched = std::env::split_paths(&searched).collect::<Vec<_>>();
    let plain = searched.into_iter().chain(PLAIN.iter().map(PathBuf::from));
    let mut versioned: Vec<_> =
        VERSIONED.iter().filter_map(|root| root_versions(Path::new(root))).flatten().collect();
    // The newest first.
    versioned.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versioned.into_iter().map(|(_, folder)| folder).chain(plain).find(is_complete)
}

fn root_versions(root: &Path) -> Option<Vec<(u32, PathBuf)>> {
    let entries = std::fs::read_dir(root).ok()?.flatten();
    let version = |name: &str| name.trim_start_matches("postgresql@").parse().ok();
    Some(
        entries
            .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path().join("bin"))))
            .collect(),
    )
}

/// Installs the server from the system's packages, without the cluster that Debian would start.
fn install() {
    if !runs_as_root() || Command::new("apt-get").arg("--version").output().is_err() {
        return;
    }
    eprintln!("installing PostgreSQL from the system's packages");
    let script = "set -e
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends postgresql-common
        mkdir -p /etc/postgresql-common/createcluster.d
        echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/no-main-cluster.conf
        apt-get install -y -qq --no-install-recommends postgresql";
    let done = Command::new("sh").arg("-c").arg(script).output();
    match done {
        Ok(done) if done.status.success() => {}
        Ok(done) => eprintln!("installing PostgreSQL failed: {}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => eprintln!("installing PostgreSQL failed: {error}"),
    }
}

fn runs_as_root() -> bool {
    id(&["-u"]).is_some_and(|id| id == 0)
}

/// The user and group under which the server runs: it refuses to be root. `None`: the user of the tests.
pub(crate) fn user() -> Option<(u32, u32)> {
    if !runs_as_root() {
        return None;
    }
    let of = |name| Some((id(&["-u", name])?, id(&["-g", name])?));
    Some(of("postgres").or_else(|| of("nobody")).expect("root has an unprivileged user to run PostgreSQL as"))
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
