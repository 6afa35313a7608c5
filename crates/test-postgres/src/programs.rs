//! Where the server's programs are, and who may run them.

use std::cmp::Reverse;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where distributions keep the programs of each version: in `FOLDER/PREFIX VERSION/bin`.
const VERSIONED: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
];

/// Folders that hold the programs themselves.
const PLAIN: [&str; 4] = ["/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"];

/// What a test says that found no server.
const NO_SERVER: &str = "no PostgreSQL was found. Install the server's programs (`initdb` and `postgres`, version \
    13 or later; on Debian and Ubuntu `apt-get install postgresql`, as root the tests do that by themselves) or put \
    them on the PATH. A running server does as well: set REINSTATE_TEST_POSTGRES_URL to its postgres:// URL, for a \
    role that may create databases; but the tests that stop and start a server need the programs all the same";

/// Installs the server, and keeps Debian from starting a cluster of its own meanwhile.
const INSTALL: &str = "set -e
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends postgresql-common
    note=/etc/postgresql-common/createcluster.d/reinstate-tests.conf
    mkdir -p \"${note%/*}\"
    trap 'rm -f \"$note\"' EXIT
    echo 'create_main_cluster = false' >\"$note\"
    apt-get install -y -qq --no-install-recommends postgresql";

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

/// What the user chose comes first, then the newest that a distribution brought.
fn find() -> Option<PathBuf> {
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let searched: Vec<PathBuf> = std::env::split_paths(&searched).collect();
    let mut versioned: Vec<_> = VERSIONED.iter().flat_map(|(root, prefix)| versions(root, prefix)).collect();
    versioned.sort_by_key(|(version, _)| Reverse(*version));
    let versioned = versioned.into_iter().map(|(_, folder)| folder);
    let others = versioned.chain(PLAIN.iter().map(PathBuf::from));
    searched.into_iter().chain(configured()).chain(others).find(|folder| is_complete(folder))
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file())
}

/// What `pg_config` says.
fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn versions(root: &str, prefix: &str) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let version = |name: &str| name.strip_prefix(prefix)?.parse().ok();
    entries
        .flatten()
        .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path().join("bin"))))
        .collect()
}

/// Installs the server from the system's packages.
fn install() {
    if user_id() != 0 || Command::new("apt-get").arg("--version").output().is_err() {
        return;
    }
    // One process at a time: the others find it installed.
    let lock =
        File::create(std::env::temp_dir().join("reinstate-test-postgres.install")).expect("a lock file");
    lock.lock().expect("the lock of the installation");
    if find().is_some() {
        return;
    }
    eprintln!("installing PostgreSQL from the system's packages");
    match Command::new("sh").arg("-c").arg(INSTALL).output() {
        Ok(done) if done.status.success() => {}
        Ok(done) => eprintln!("installing PostgreSQL failed: {}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => eprintln!("installing PostgreSQL failed: {error}"),
    }
}

/// The number of the user that runs the tests.
pub(crate) fn user_id() -> u32 {
    static USER: OnceLock<u32> = OnceLock::new();
    *USER.get_or_init(|| id(&["-u"]).expect("`id -u` names the user"))
}

/// The user and group under which the server runs: it refuses to be root. `None`: the user of the tests.
pub(crate) fn user() -> Option<(u32, u32)> {
    static USER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *USER.get_or_init(|| {
        let of = |name| Some((id(&["-u", name])?, id(&["-g", name])?));
        let unprivileged = || of("postgres").or_else(|| of("nobody"));
        (user_id() == 0)
            .then(|| unprivileged().expect("root needs a user `postgres` or `nobody` for the server"))
    })
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
