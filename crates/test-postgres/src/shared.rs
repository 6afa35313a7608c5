//! The throw-away cluster that all test binaries of a user share.
//!
//! A folder of the user says which cluster that is; a lock on it lets one process at a time look, and start a
//! cluster where there is none. Whoever uses a cluster holds its door open (see [`crate::instance`]), which the
//! system closes for a process that is gone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::cluster::ClusterOptions;
use crate::instance::{CAME, DOOR, Instance};
use crate::programs;

/// Names the cluster in the user's folder: where its programs are, its folder and its port, one a line.
const CURRENT: &str = "current";

/// A use of the shared cluster; it lasts as long as the value.
#[derive(Debug)]
pub(crate) struct Shared {
    url: String,
    _door: File,
    /// Of the process that started the cluster. It is never waited for: it outlives the tests.
    _supervisor: Option<Child>,
}

impl Shared {
    /// Joins the cluster, or starts it.
    ///
    /// # Panics
    /// Where there are no programs, or they fail.
    pub(crate) fn join_or_start() -> Self {
        let folder = user_folder();
        let lock = File::create(folder.join("lock")).expect("a lock file");
        lock.lock().expect("the lock of the shared cluster");
        Self::join(&folder).unwrap_or_else(|| Self::start(&folder))
    }

    /// The URL of the cluster's first database, for its superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn join(user_folder: &Path) -> Option<Self> {
        let current = fs::read_to_string(user_folder.join(CURRENT)).ok()?;
        let mut lines = current.lines();
        if Path::new(lines.next()?) != programs::folder() {
            return None;
        }
        let instance = Instance { folder: lines.next()?.into(), port: lines.next()?.parse().ok()? };
        // In that order: from the moment that the door is held, the cluster stays.
        let door = hold(&instance.folder.join(DOOR)).ok()?;
        fs::write(instance.folder.join(CAME), "").ok()?;
        instance.is_ready().then(|| Self { url: instance.url(), _door: door, _supervisor: None })
    }

    fn start(user_folder: &Path) -> Self {
        let mut instance = Instance::create(ClusterOptions::default());
        instance.make_door();
        let door_path = instance.folder.join(DOOR);
        let door = hold(&door_path).expect("the cluster's door");
        let input = || Stdio::from(File::open(&door_path).expect("the cluster's door"));
        let supervisor = instance.start_first(input);
        let (programs, folder, port) =
            (programs::folder().display(), instance.folder.display(), instance.port);
        fs::write(user_folder.join(CURRENT), format!("{programs}\n{folder}\n{port}\n"))
            .expect("a note of the shared cluster");
        Self { url: instance.url(), _door: door, _supervisor: Some(supervisor) }
    }
}

/// Opens a FIFO for both directions, which never waits for the other end.
fn hold(door: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open(door)
}

/// A folder of this user's alone, which survives the process.
fn user_folder() -> PathBuf {
    let user = programs::user_id();
    let folder = std::env::temp_dir().join(format!("reinstate-test-postgres-{user}"));
    if let Err(error) = DirBuilder::new().mode(0o700).create(&folder) {
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists, "{}: {error}", folder.display());
    }
    let metadata = fs::symlink_metadata(&folder).expect("the user's folder");
    assert!(metadata.is_dir() && metadata.uid() == user, "{} belongs to somebody else", folder.display());
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_side_by_side_get_one_cluster() {
        let users: Vec<_> = (0..4).map(|_| std::thread::spawn(Shared::join_or_start)).collect();
        let users: Vec<_> = users.into_iter().map(|user| user.join().unwrap()).collect();
        assert!(users.iter().all(|user| user.url() == users[0].url()));
    }
}
