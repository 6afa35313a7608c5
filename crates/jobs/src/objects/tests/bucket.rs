//! What a bucket can do wrong, and whose it is.

use reinstate_test_s3::Fault;

use super::*;

fn shelf() -> (Shelf, S3Server) {
    let mut shelf = Shelf::new(Kind::S3);
    let server = shelf.server.take().unwrap();
    (shelf, server)
}

#[track_caller]
fn assert_fault<T>(result: Result<T, JobsError>, expected: StorageFault) {
    match result {
        Err(JobsError::Storage { kind, .. }) if kind == expected => {}
        Err(error) => panic!("{expected:?} was expected: {}", error.chain()),
        Ok(_) => panic!("{expected:?} was expected"),
    }
}

/// Every call that goes to the bucket.
fn assert_all_fail(objects: &Objects, expected: StorageFault) {
    assert_fault(objects.ping(), expected);
    assert_fault(objects.open_read(KEY), expected);
    assert_fault(objects.open_local(KEY, &Cancellation::default()), expected);
    assert_fault(block_on(objects.read(KEY, 0..1)).map(drop), expected);
    assert_fault(objects.delete(KEY), expected);
    assert_fault(objects.list_changed_before(None).collect::<Result<Vec<_>, _>>(), expected);
    assert_fault(objects.claim("installation_1"), expected);
    let mut writer = objects.writer(KEY).unwrap();
    writer.write_all(b"x").unwrap();
    assert_fault(writer.finish(), expected);
    let mut writer = objects.writer(KEY).unwrap();
    let error = writer.write_all(&large()).unwrap_err();
    assert_fault(Err::<(), _>(error.downcast::<JobsError>().unwrap()), expected);
}

#[test]
fn credentials_that_are_not_accepted_are_told_from_a_bucket_that_is_away() {
    let (_shelf, server) = shelf();
    let mut settings = s3_settings(&server, "");
    settings.s3.keys.as_mut().unwrap().secret_access_key = "another".to_owned();
    let dir = tempfile::tempdir().unwrap();
    let stranger = Objects::open(&settings, dir.path()).unwrap();
    assert_all_fail(&stranger, StorageFault::Denied);
    assert!(server.keys().is_empty());
}

#[test]
fn a_bucket_that_is_not_there_is_nothing_to_wait_for() {
    let (_shelf, server) = shelf();
    let mut settings = s3_settings(&server, "");
    settings.url = "s3://nobodys".parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::open(&settings, dir.path()).unwrap();
    assert_fault(objects.ping(), StorageFault::Denied);
    assert_fault(objects.open_local(KEY, &Cancellation::default()), StorageFault::Denied);
}

#[test]
fn a_short_outage_is_not_noticed() {
    let (shelf, server) = shelf();
    shelf.put(KEY, b"whole");
    server.fail(Fault::Unavailable);
    std::thread::scope(|scope| {
        let read = scope.spawn(|| shelf.read(KEY, 0..5));
        let before = server.requests();
        while server.requests() < before + 2 {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        server.recover();
        assert_eq!(read.join().unwrap().unwrap(), b"whole");
    });
}

#[test]
fn a_bucket_that_says_no_for_the_moment_fails_calls_as_unavailable() {
    let (shelf, server) = shelf();
    server.fail(Fault::Unavailable);
    let begin = Instant::now();
    assert_fault(shelf.objects.open_read(KEY), StorageFault::Unavailable);
    assert!(begin.elapsed() < CALL_MAX);
    server.recover();
    shelf.objects.ping().unwrap();
}

#[test]
fn a_bucket_that_does_not_answer_is_given_up() {
    let (shelf, server) = shelf();
    server.fail(Fault::Silent);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let calls = [
            scope.spawn(|| shelf.objects.open_read(KEY).map(drop)),
            scope.spawn(|| shelf.objects.delete(KEY)),
            scope.spawn(|| {
                let mut writer = shelf.objects.writer(KEY)?;
                writer.write_all(b"x").unwrap();
                writer.finish().map(drop)
            }),
        ];
        assert_fault(shelf.objects.ping(), StorageFault::Unavailable);
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "whoever asks whether it is ready wants to know soon"
        );
        for call in calls {
            assert_fault(call.join().unwrap(), StorageFault::Unavailable);
        }
    });
    assert!(begin.elapsed() < CALL_MAX, "{:?}", begin.elapsed());
    server.recover();
    shelf.put(KEY, b"x");
}

#[test]
fn a_server_that_is_gone_is_unavailable() {
    let (shelf, server) = shelf();
    drop(server);
    assert_fault(shelf.objects.ping(), StorageFault::Unavailable);
}

#[test]
fn an_object_whose_last_parts_are_refused_is_not_there() {
    let (shelf, server) = shelf();
    // It is begun, and one part lands.
    server.fail_after(2, Fault::Denied);
    let mut writer = shelf.objects.writer(KEY).unwrap();
    let refused = writer.write_all(&large()).map_err(|error| error.downcast::<JobsError>().unwrap());
    assert_fault(refused.and_then(|()| writer.finish()), StorageFault::Denied);
    server.recover();
    assert_eq!(shelf.places(), Vec::<String>::new());
    shelf.put(KEY, &large());
}

#[test]
fn an_object_that_is_not_put_together_in_time_is_taken_back() {
    let server = S3Server::start();
    let mut settings = s3_settings(&server, "");
    settings.silence_max = Duration::from_secs(1);
    settings.finish_max = Duration::from_secs(3);
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::open(&settings, dir.path()).unwrap();
    let mut writer = objects.writer(KEY).unwrap();
    writer.write_all(&large()).unwrap();
    server.fail(Fault::Unfinished);
    let begin = Instant::now();
    assert_fault(writer.finish(), StorageFault::Unavailable);
    assert!(begin.elapsed() >= Duration::from_secs(3), "silence is no reason to give the end up");
    wait_until_none_is_unfinished(&server);
    assert!(server.keys().is_empty());
}

#[test]
fn reading_goes_on_where_an_answer_broke_off() {
    let (shelf, server) = shelf();
    let written = large();
    shelf.put(KEY, &written);
    let mut reader = shelf.objects.open_read(KEY).unwrap();
    // More often than the client by itself asks again.
    server.fail(Fault::Cut(2 << 20));
    let before = server.requests();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut copy = shelf.objects.open_local(KEY, &Cancellation::default()).unwrap();
            let mut copied = Vec::new();
            copy.read_to_end(&mut copied).unwrap();
            assert!(copied == written);
        });
        let size = written.len() as u64;
        assert!(shelf.read(KEY, 1..size).unwrap() == written[1..]);
    });
    assert!(server.requests() - before > 12);
    server.fail(Fault::Cut(300_000));
    let mut piece = vec![0; 1 << 20];
    reader.read_exact(&mut piece).unwrap();
    assert!(piece == written[..1 << 20]);
}

#[test]
fn reading_ends_where_an_answer_brings_nothing_again_and_again() {
    let (shelf, server) = shelf();
    shelf.put(KEY, b"whole");
    server.fail(Fault::Cut(0));
    assert_fault(shelf.read(KEY, 0..5), StorageFault::Unavailable);
}

#[test]
fn reading_does_not_go_on_in_another_object_of_the_same_key() {
    let (shelf, _server) = shelf();
    shelf.put(KEY, &large());
    let mut reader = shelf.objects.open_read(KEY).unwrap();
    reader.read_exact(&mut [0; 10]).unwrap();
    shelf.put(KEY, &bytes(8 << 20));
    reader.seek(SeekFrom::Start(5 << 20)).unwrap();
    assert!(reader.read(&mut [0; 10]).is_err());
}

#[test]
fn copying_an_object_stops_when_it_is_asked_to() {
    let (shelf, server) = shelf();
    shelf.put(KEY, &large());
    server.fail(Fault::Silent);
    let cancellation = Cancellation::default();
    std::thread::scope(|scope| {
        let copied = scope.spawn(|| shelf.objects.open_local(KEY, &cancellation).map(drop));
        let before = server.requests();
        while server.requests() == before {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let asked = Instant::now();
        cancellation.stop(Stop::Cancelled);
        assert!(copied.join().unwrap().is_err());
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    });
}

#[test]
fn a_prefix_keeps_installations_of_one_bucket_apart() {
    let (_shelf, server) = shelf();
    let dir = tempfile::tempdir().unwrap();
    let [one, two] =
        ["one", "deep/two"].map(|prefix| Objects::open(&s3_settings(&server, prefix), dir.path()).unwrap());
    for objects in [&one, &two] {
        let mut writer = objects.writer(KEY).unwrap();
        writer.write_all(b"x").unwrap();
        writer.finish().unwrap();
    }
    assert_eq!(server.keys(), [format!("deep/two/{KEY}"), format!("one/{KEY}")]);
    assert!(one.list_changed_before(None).map(Result::unwrap).eq([PathBuf::from(KEY)]));
    one.delete(KEY).unwrap();
    assert_eq!(server.keys(), [format!("deep/two/{KEY}")]);
    assert_eq!(one.claim("installation_1").unwrap(), Ownership::Ours);
    assert_eq!(two.claim("installation_2").unwrap(), Ownership::Ours);
}
