use std::fs::File;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reinstate_describe::{AccessLevel, Caller};
use reinstate_jobs::JobsError;

use super::super::BACKEND;
use crate::harness::*;

#[test]
fn what_is_no_archive_is_refused_and_leaves_nothing_behind() {
    let house = House::new(BACKEND);
    let cut = {
        let mut bytes = notes(&lines(0, 10));
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let empty = archive_without_content();
    for bytes in [&b""[..], b"not a zip", &cut, &empty] {
        assert!(matches!(house.upload("acme", bytes), Err(JobsError::ArchiveRefused(_))));
    }
    assert_eq!(house.files(), Vec::<String>::new());
}

#[test]
fn an_upload_above_the_limit_is_refused_while_it_comes_in() {
    let house = House::with(BACKEND, |settings| settings.upload_bytes_max = 1_000);
    block_on(async {
        let mut upload = house.jobs.upload_begin(&tenant_id("acme"), &full(), None).await.unwrap();
        upload.write(Bytes::from(vec![b'x'; 1_000])).await.unwrap();
        let refused = upload.write(Bytes::from_static(b"y")).await;
        assert!(matches!(refused, Err(JobsError::TooLarge { bytes_max: 1_000 })));
        drop(upload);
        wait_for_no_files(&house).await;
    });
}

#[test]
fn an_upload_that_breaks_off_is_removed() {
    let house = House::new(BACKEND);
    block_on(async {
        let mut upload = house.jobs.upload_begin(&tenant_id("acme"), &full(), None).await.unwrap();
        upload.write(Bytes::from(vec![b'x'; 3 << 20])).await.unwrap();
        assert_eq!(house.files().len(), 1);
        drop(upload);
        wait_for_no_files(&house).await;
    });
}

#[test]
fn a_kept_upload_stays_and_a_forgotten_one_goes() {
    let house = House::new(BACKEND);
    let stored = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    assert_eq!(stored.filename, "data.zip");
    assert_eq!(stored.source_ref, format!("uploads/acme/{}.zip", stored.id));
    assert_eq!(house.files().len(), 1);
    drop(house.upload("acme", &notes(&lines(0, 1))).unwrap());
    assert_eq!(house.files().len(), 1);
}

#[test]
fn a_reader_may_not_upload() {
    let house = House::new(BACKEND);
    let reader = Caller::new(AccessLevel::Read, "rob");
    let refused = block_on(house.jobs.upload_begin(&tenant_id("acme"), &reader, None));
    assert!(matches!(refused, Err(JobsError::Forbidden { .. })));
}

#[test]
fn an_upload_whose_time_is_over_goes_unless_a_run_needs_it() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let needed = house.import("acme", &notes(&lines(0, 1)));
    let expired = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    assert_eq!(house.files().len(), 2);
    let house = house.restart_with(|settings| settings.upload_retention_days = 0, |_| {});
    let key = house.run("acme", &needed.run_id).source_ref.unwrap();
    let begin = std::time::Instant::now();
    while house.files().len() > 1 {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60));
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
    assert!(house.files()[0].ends_with(&key));
    let known = house.store.control.object_keys_known(&[&key, &expired.source_ref]).unwrap();
    assert!(known.into_iter().eq([key]));
}

#[test]
fn a_file_name_loses_its_folders_and_control_characters() {
    let house = House::new(BACKEND);
    for (given, kept) in [
        ("C:\\Users\\ann\\my data.zip", "my data.zip"),
        ("../../etc/pass\u{0}wd\n", "passwd"),
        ("  ", "archive.zip"),
    ] {
        let checked = block_on(async {
            let mut upload = house.jobs.upload_begin(&tenant_id("acme"), &full(), Some(given)).await.unwrap();
            upload.write(Bytes::from(notes(&lines(0, 1)))).await.unwrap();
            upload.finish().await.unwrap()
        });
        assert_eq!(checked.filename(), kept);
    }
}

/// A dropped upload is removed by a thread of the runtime.
async fn wait_for_no_files(house: &House) {
    let begin = std::time::Instant::now();
    while !house.files().is_empty() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60), "{:?}", house.files());
        tokio::task::yield_now().await;
    }
}

/// A ZIP with a manifest and nothing to import.
fn archive_without_content() -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = reinstate_archive::ManifestHeader::default();
    reinstate_archive::ArchiveWriter::new(&mut bytes, header).finish().unwrap();
    bytes
}

#[test]
fn nothing_is_removed_from_the_folder_of_another_installation() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let folder = house.dir.path().join("objects");
    let mark = folder.join("reinstate-installation");
    let others = folder.join("uploads/acme/upload_others.zip");
    let house = house.restart(|_| {
        std::fs::write(&mark, b"another").unwrap();
        std::fs::create_dir_all(others.parent().unwrap()).unwrap();
        std::fs::write(&others, b"theirs").unwrap();
        let then = SystemTime::now().checked_sub(Duration::from_secs(2 * 86_400)).unwrap();
        File::options().write(true).open(&others).unwrap().set_modified(then).unwrap();
    });
    // A start does not end before it has looked.
    assert!(others.exists());
    assert_eq!(std::fs::read(&mark).unwrap(), b"another");
    let _house = house.restart(|_| std::fs::remove_file(&mark).unwrap());
    assert!(!others.exists(), "the folder was handed over");
    assert!(mark.exists());
}
