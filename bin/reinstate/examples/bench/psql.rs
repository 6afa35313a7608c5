//! What PostgreSQL's own programs need for the same rows: `psql \copy` of ready files into an empty table with its
//! primary key, `pg_restore -j1` of a dump of that table, and `pg_dump -Fc`.
//!
//! They use the same connection as a restore (the URL of the database), their files were just written and so are in
//! memory, and everything is checkpointed before the clock starts.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::place::Database;

/// The schema of the tables that are loaded for comparison.
const SCHEMA: &str = "bench_limit";

/// The programs.
pub(crate) const PSQL: &str = "psql";
pub(crate) const PG_DUMP: &str = "pg_dump";
pub(crate) const PG_RESTORE: &str = "pg_restore";

/// The form of a file for `COPY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Csv,
    Text,
}

impl Form {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Text => "text",
        }
    }
}

/// Loads of one database, with files in a folder.
pub(crate) struct Loads<'a> {
    pub(crate) database: &'a Database,
    pub(crate) folder: &'a Path,
    pub(crate) records: u64,
}

impl Loads<'_> {
    /// Writes the rows of a tenant's table into a file, unless that is there; other rows need another name.
    pub(crate) fn export(&self, table: &str, name: &str, form: Form) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.folder.join(format!("{name}.{}", form.name()));
        if !path.exists() {
            let command = format!("\\copy {table} to '{}' (format {})", path.display(), form.name());
            if let Err(error) = self.psql(&command) {
                // What is there of the file must not pass for all of it.
                drop(std::fs::remove_file(&path));
                return Err(error);
            }
        }
        Ok(path)
    }

    /// Seconds of `\copy` from a file into a new table like a tenant's with its primary key, by psql's own clock: its
    /// start does not count.
    pub(crate) fn copy(&self, like: &str, file: &Path, form: Form) -> Result<f64, Box<dyn Error>> {
        let table = format!("{SCHEMA}.orders");
        self.database.execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))?;
        self.database.execute(&format!("CREATE SCHEMA {SCHEMA}"))?;
        self.database.execute(&format!("CREATE TABLE {table} (LIKE {like}, PRIMARY KEY (id))"))?;
        self.database.execute("CHECKPOINT")?;
        let command = format!("\\copy {table} from '{}' (format {})", file.display(), form.name());
        let seconds = self.psql(&command)?;
        crate::restore::check(self.database.count(&table)?, self.records)?;
        Ok(seconds)
    }

    /// Seconds of `pg_restore -j1` of the table that [`Self::copy`] left, from a dump that is made once.
    pub(crate) fn restore(&self) -> Result<f64, Box<dyn Error>> {
        let dump = self.folder.join("limit.dump");
        if !dump.exists() {
            self.dump(&["--schema", SCHEMA], &dump)?;
        }
        self.database.execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))?;
        self.database.execute("CHECKPOINT")?;
        let mut command = Command::new(PG_RESTORE);
        let seconds =
            timed(command.args(["-j1", "--exit-on-error", "--dbname", &self.database.url]).arg(&dump))?;
        crate::restore::check(self.database.count(&format!("{SCHEMA}.orders"))?, self.records)?;
        Ok(seconds)
    }

    /// Seconds of `pg_dump -Fc` of what `selection` names, into a file.
    pub(crate) fn dump(&self, selection: &[&str], path: &Path) -> Result<f64, Box<dyn Error>> {
        let mut command = Command::new(PG_DUMP);
        timed(command.arg("-Fc").args(selection).arg("--file").arg(path).arg(&self.database.url))
    }

    /// Runs one command of psql's: seconds by its own clock.
    fn psql(&self, command: &str) -> Result<f64, Box<dyn Error>> {
        let mut psql = Command::new(PSQL);
        psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-c", "\\timing on", "-c", command, &self.database.url]);
        let output = psql.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let time = text.lines().filter_map(|line| line.strip_prefix("Time: ")).next_back();
        let time = time.and_then(|time| time.split_whitespace().next()).ok_or("psql told no time")?;
        Ok(time.parse::<f64>()? / 1e3)
    }
}

/// Seconds of a program from its start to its end.
fn timed(command: &mut Command) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let output = command.env("LC_ALL", "C").output()?;
    let seconds = started.elapsed().as_secs_f64();
    if output.status.success() { Ok(seconds) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
}
