//! What an object store does, on a folder and on a bucket alike, and what only a bucket can do wrong.

mod bucket;

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use reinstate_engine::{Cancellation, Stop};
use reinstate_test_s3::{ACCESS_KEY_ID, BUCKET, S3Server, SECRET_ACCESS_KEY};
use tempfile::TempDir;

use super::storage::CALL_MAX;
use super::*;
use crate::error::StorageFault;

/// Longest wait for something that takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

const KEY: &str = "uploads/acme/upload_1.zip";

/// Where objects of a test lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    S3,
}

/// An object store with what it stands on.
struct Shelf {
    objects: Objects,
    server: Option<S3Server>,
    dir: TempDir,
}

impl Shelf {
    fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = (kind == Kind::S3).then(S3Server::start);
        let settings = match &server {
            Some(server) => s3_settings(server, ""),
            None => StorageSettings::folder(dir.path().join("objects")),
        };
        let objects = Objects::open(&settings, &dir.path().join("scratch")).unwrap();
        Self { objects, server, dir }
    }

    /// The places of all objects and unfinished files.
    fn places(&self) -> Vec<String> {
        let listed = self.objects.list_changed_before(None);
        let mut places: Vec<_> = listed.map(|place| place.unwrap().to_str().unwrap().to_owned()).collect();
        places.sort();
        places
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let size = block_on(async {
            let mut writer = self.objects.put(key, 1 << 30).await.unwrap();
            for piece in bytes.chunks(700_001) {
                writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            writer.finish().await.unwrap()
        });
        assert_eq!(size, bytes.len() as u64);
    }

    fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, JobsError> {
        block_on(async {
            let mut stream = self.objects.read(key, range).await?;
            let mut read = Vec::new();
            while let Some(piece) = stream.next().await {
                read.extend_from_slice(&piece?);
            }
            Ok(read)
        })
    }
}

fn s3_settings(server: &S3Server, prefix: &str) -> StorageSettings {
    let mut settings = StorageSettings::new(format!("s3://{BUCKET}/{prefix}").parse().unwrap());
    settings.allow_http = true;
    settings.silence_max = Duration::from_secs(2);
    settings.s3.endpoint = Some(server.endpoint().to_owned());
    settings.s3.path_style = true;
    settings.s3.keys = Some(S3Keys {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    });
    settings
}

/// Bytes in which every place can be told from its neighbours.
fn bytes(count: usize) -> Vec<u8> {
    (0..count as u64)
        .flat_map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes())
        .take(count)
        .collect()
}

/// Enough for two parts of a bucket and a bit, and for many of a folder.
fn large() -> Vec<u8> {
    bytes(2 * writer::BUCKET_PART_BYTES + 12_345)
}

/// Makes of each function that takes a [`Kind`] a test on either. The names of the modules tell them apart.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod folder {
            $(#[test]
            fn $case() {
                super::$case(super::Kind::Folder);
            })+
        }

        mod s3 {
            $(#[test]
            fn $case() {
                super::$case(super::Kind::S3);
            })+
        }
    };
}

on_both!(
    an_object_of_any_size_is_read_back_as_it_was_written,
    a_range_is_read_by_itself,
    an_object_shows_only_when_it_is_finished,
    a_writer_that_is_dropped_leaves_nothing,
    an_object_above_the_limit_is_refused_while_it_comes_in,
    a_thread_writes_and_reads_here_and_there,
    what_is_not_there_is_not_found,
    an_object_is_removed_and_may_be_again,
    objects_are_listed_by_age,
    a_local_copy_is_the_whole_object,
    a_storage_belongs_to_whoever_marked_it_first,
    an_answering_storage_is_ready,
    a_store_may_be_used_and_dropped_within_a_runtime,
);

fn an_object_of_any_size_is_read_back_as_it_was_written(kind: Kind) {
    let shelf = Shelf::new(kind);
    for (key, written) in [
        ("uploads/acme/empty.zip", Vec::new()),
        ("uploads/acme/small.zip", bytes(10)),
        ("extracts/acme/run_1-1.zip", bytes(writer::BUCKET_PART_BYTES)),
        ("extracts/acme/run_1-2.zip", large()),
    ] {
        shelf.put(key, &written);
        assert!(shelf.read(key, 0..written.len() as u64).unwrap() == written, "{key}");
    }
}

fn a_range_is_read_by_itself(kind: Kind) {
    let shelf = Shelf::new(kind);
    let written = bytes(1_000_000);
    shelf.put(KEY, &written);
    for range in [0..1, 999_999..1_000_000, 262_143..524_289, 5..5, 0..1_000_000] {
        let (start, end) = (range.start as usize, range.end as usize);
        assert!(shelf.read(KEY, range.clone()).unwrap() == written[start..end], "{range:?}");
    }
    assert!(shelf.read(KEY, 999_990..1_000_010).is_err(), "more was asked for than there is");
}

fn an_object_shows_only_when_it_is_finished(kind: Kind) {
    let shelf = Shelf::new(kind);
    let mut writer = shelf.objects.writer(KEY).unwrap();
    writer.write_all(&large()).unwrap();
    assert!(matches!(shelf.objects.open_read(KEY), Err(JobsError::NotFound { .. })));
    writer.finish().unwrap();
    assert!(shelf.objects.open_read(KEY).is_ok());
}

fn a_writer_that_is_dropped_leaves_nothing(kind: Kind) {
    let shelf = Shelf::new(kind);
    for size in [10, 3 * writer::BUCKET_PART_BYTES] {
        let mut writer = shelf.objects.writer(KEY).unwrap();
        writer.write_all(&bytes(size)).unwrap();
        drop(writer);
        assert_eq!(shelf.places(), Vec::<String>::new());
        if let Some(server) = &shelf.server {
            wait_until_none_is_unfinished(server);
        }
    }
}

/// Parts are taken back by a request of their own, which nobody waits for.
fn wait_until_none_is_unfinished(server: &S3Server) {
    let begin = Instant::now();
    while server.unfinished() > 0 {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn an_object_above_the_limit_is_refused_while_it_comes_in(kind: Kind) {
    let shelf = Shelf::new(kind);
    block_on(async {
        let mut writer = shelf.objects.put(KEY, 1_000).await.unwrap();
        writer.write(Bytes::from(bytes(1_000))).await.unwrap();
        let refused = writer.write(Bytes::from(bytes(1))).await;
        assert!(matches!(refused, Err(JobsError::TooLarge { bytes_max: 1_000 })));
    });
    assert_eq!(shelf.places(), Vec::<String>::new());
}

fn a_thread_writes_and_reads_here_and_there(kind: Kind) {
    let shelf = Shelf::new(kind);
    let written = bytes(6 << 20);
    let mut writer = shelf.objects.writer(KEY).unwrap();
    writer.write_all(&written).unwrap();
    assert_eq!(writer.finish().unwrap(), written.len() as u64);

    let mut reader = shelf.objects.open_read(KEY).unwrap();
    for (to, expected) in [
        (SeekFrom::End(-30), (6 << 20) - 30),
        (SeekFrom::Start((1 << 20) - 10), (1 << 20) - 10),
        (SeekFrom::Current(-20), (1 << 20) - 10),
        (SeekFrom::Start(0), 0),
    ] {
        assert_eq!(reader.seek(to).unwrap(), expected as u64);
        let mut piece = [0; 20];
        reader.read_exact(&mut piece).unwrap();
        assert_eq!(piece, written[expected..expected + 20], "{to:?}");
    }
    assert!(reader.seek(SeekFrom::Current(-100)).is_err(), "before the start");
    reader.seek(SeekFrom::Start(0)).unwrap();
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert!(all == written);
    reader.seek(SeekFrom::End(10)).unwrap();
    assert_eq!(reader.read(&mut [0; 5]).unwrap(), 0, "behind the end");
}

fn what_is_not_there_is_not_found(kind: Kind) {
    let shelf = Shelf::new(kind);
    assert!(matches!(shelf.objects.open_read(KEY), Err(JobsError::NotFound { .. })));
    let local = shelf.objects.open_local(KEY, &Cancellation::default());
    assert!(matches!(local, Err(JobsError::NotFound { .. })));
    assert!(matches!(shelf.read(KEY, 0..1), Err(JobsError::NotFound { .. })));
    shelf.objects.delete(KEY).unwrap();
}

fn an_object_is_removed_and_may_be_again(kind: Kind) {
    let shelf = Shelf::new(kind);
    shelf.put(KEY, b"one");
    shelf.objects.delete(KEY).unwrap();
    shelf.objects.delete(KEY).unwrap();
    assert_eq!(shelf.places(), Vec::<String>::new());
    shelf.put(KEY, b"two");
    assert_eq!(shelf.read(KEY, 0..3).unwrap(), b"two");
}

fn objects_are_listed_by_age(kind: Kind) {
    let shelf = Shelf::new(kind);
    let keys = ["extracts/beta/run_1-1.zip", "uploads/acme/a.zip", "uploads/beta/b.zip"];
    for key in keys {
        shelf.put(key, b"x");
    }
    shelf.put("elsewhere/acme/c.zip", b"x");
    assert_eq!(shelf.places(), keys);
    let yesterday = SystemTime::now().checked_sub(Duration::from_secs(86_400));
    assert_eq!(shelf.objects.list_changed_before(yesterday).count(), 0);
    let tomorrow = SystemTime::now().checked_add(Duration::from_secs(86_400));
    for place in shelf.objects.list_changed_before(tomorrow).map(Result::unwrap) {
        if place != Path::new(keys[1]) {
            shelf.objects.remove(&place).unwrap();
            shelf.objects.remove(&place).unwrap();
        }
    }
    assert_eq!(shelf.places(), [keys[1]]);
}

fn a_storage_belongs_to_whoever_marked_it_first(kind: Kind) {
    let shelf = Shelf::new(kind);
    assert_eq!(shelf.objects.claim("installation_1").unwrap(), Ownership::Ours);
    assert_eq!(shelf.objects.claim("installation_2").unwrap(), Ownership::Theirs);
    assert_eq!(shelf.objects.claim("installation_1").unwrap(), Ownership::Ours);
    assert_eq!(shelf.places(), Vec::<String>::new(), "the mark is no object of ours");
}

fn a_local_copy_is_the_whole_object(kind: Kind) {
    let shelf = Shelf::new(kind);
    let written = large();
    shelf.put(KEY, &written);
    let mut file = shelf.objects.open_local(KEY, &Cancellation::default()).unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == written);
    let names = std::fs::read_dir(shelf.dir.path().join("scratch")).map_or(0, Iterator::count);
    assert_eq!(names, 0, "the copy has no name");
}

fn an_answering_storage_is_ready(kind: Kind) {
    let shelf = Shelf::new(kind);
    shelf.objects.ping().unwrap();
    assert_eq!(shelf.places(), Vec::<String>::new());
}

fn a_store_may_be_used_and_dropped_within_a_runtime(kind: Kind) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move {
        let shelf = Shelf::new(kind);
        let mut writer = shelf.objects.put(KEY, 1 << 30).await.unwrap();
        writer.write(Bytes::from(large())).await.unwrap();
        writer.finish().await.unwrap();
        // What blocks may be called here too, and so may whoever drops the last handle.
        shelf.objects.delete(KEY).unwrap();
        let mut writer = shelf.objects.put(KEY, 1 << 30).await.unwrap();
        writer.write(Bytes::from(large())).await.unwrap();
        drop(shelf.objects);
        drop(writer);
    });
}
