//! What a server of PostgreSQL's says when it cannot, and what becomes of the control plane then.

mod postgres {
    use std::time::{Duration, Instant};

    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection};
    use reinstate_test_postgres::{Cluster, ClusterOptions};

    use super::super::*;
    use crate::database::failure::FailureKind;

    /// How long a server may take to come back.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn connect(url: &str) -> PgConnection {
        PgConnection::establish(url).unwrap()
    }

    /// What a statement's failure means, with its words.
    fn kind(connection: &mut PgConnection, sql: &str) -> (FailureKind, String) {
        let error = connection.batch_execute(sql).unwrap_err();
        (FailureKind::of(&error), format!("{error:?}"))
    }

    fn table_of_two(database: &reinstate_test_postgres::TestDatabase) {
        database.execute("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0), (2, 0)");
    }

    #[test]
    fn a_lock_that_is_not_to_be_had_is_busy() {
        let database = reinstate_test_postgres::database();
        table_of_two(&database);
        let (mut holder, mut other) = (connect(&database.url()), connect(&database.url()));
        holder.batch_execute("BEGIN; UPDATE t SET n = 1 WHERE id = 1; LOCK TABLE t IN SHARE MODE").unwrap();
        for sql in [
            "SET lock_timeout = 10; UPDATE t SET n = 2 WHERE id = 1",
            "SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT",
            "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE NOWAIT",
        ] {
            let (kind, words) = kind(&mut other, sql);
            assert_eq!(kind, FailureKind::Busy, "{words}");
            let _ = other.batch_execute("ROLLBACK");
        }
    }

    #[test]
    fn a_transaction_that_lost_against_another_one_is_conflicting() {
        let database = reinstate_test_postgres::database();
        table_of_two(&database);
        let (mut one, mut two) = (connect(&database.url()), connect(&database.url()));
        // 40001: the row changed under a snapshot.
        one.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t").unwrap();
        two.batch_execute("UPDATE t SET n = n + 1").unwrap();
        let (failure, words) = kind(&mut one, "UPDATE t SET n = n + 1");
        assert_eq!(failure, FailureKind::Conflicting, "{words}");
        one.batch_execute("ROLLBACK").unwrap();
        // 40001: two that read what the other one writes.
        for connection in [&mut one, &mut two] {
            connection.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(n) FROM t").unwrap();
        }
        one.batch_execute("UPDATE t SET n = 5 WHERE id = 1; COMMIT").unwrap();
        let (failure, words) = kind(&mut two, "UPDATE t SET n = 6 WHERE id = 2; COMMIT");
        assert_eq!(failure, FailureKind::Conflicting, "{words}");
        two.batch_execute("ROLLBACK").unwrap();
        // 40P01: each waits for the other one.
        one.batch_execute("SET deadlock_timeout = 10; BEGIN; UPDATE t SET n = 1 WHERE id = 1").unwrap();
        two.batch_execute("SET deadlock_timeout = 10000; BEGIN; UPDATE t SET n = 1 WHERE id = 2").unwrap();
        let (failure, words) = std::thread::scope(|scope| {
            scope.spawn(|| two.batch_execute("UPDATE t SET n = 1 WHERE id = 1; COMMIT").unwrap());
            let lost = kind(&mut one, "UPDATE t SET n = 1 WHERE id = 2; COMMIT");
            one.batch_execute("ROLLBACK").unwrap();
            lost
        });
        assert_eq!(failure, FailureKind::Conflicting, "{words}");
    }

    #[test]
    fn a_control_transaction_that_lost_is_done_again_as_a_whole_a_few_times() {
        let plane = Backend::Postgres.plane();
        let lose = "DO $$ BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$";
        let mut tries = 0;
        let written = plane.connections.write(|connection| {
            tries += 1;
            connection
                .postgres()?
                .batch_execute("INSERT INTO uploads VALUES ('u', 'acme', 'k', 'f', 1, 'ann', now())")?;
            if tries < 4 {
                connection.postgres()?.batch_execute(lose)?;
            }
            Ok(())
        });
        assert!(written.is_ok(), "{written:?}");
        assert_eq!((tries, plane.object_keys().len()), (4, 1));
        let mut tries = 0;
        let refused = plane.connections.write(|connection| {
            tries += 1;
            connection.postgres()?.batch_execute(lose)?;
            Ok(())
        });
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })) && tries > 4);
    }

    #[test]
    fn a_connection_that_was_ended_is_away() {
        let database = reinstate_test_postgres::database();
        let (mut one, mut two) = (connect(&database.url()), connect(&database.url()));
        let end_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        one.batch_execute(end_others).unwrap();
        for _ in 0..2 {
            let (kind, words) = kind(&mut two, "SELECT 1");
            assert_eq!(kind, FailureKind::Away, "{words}");
        }
        // In the middle of a statement and of a transaction.
        let mut two = connect(&database.url());
        let (failure, words) =
            kind(&mut two, "BEGIN; SELECT pg_terminate_backend(pg_backend_pid()); SELECT 1; COMMIT");
        assert_eq!(failure, FailureKind::Away, "{words}");
    }

    #[test]
    fn a_read_whose_connection_was_ended_is_done_on_another_one() {
        let database = reinstate_test_postgres::database();
        let control = Store::open(&StoreSettings::new(database.url().parse().unwrap())).unwrap().control;
        let acme = tenant("acme");
        control.restores_create(&acme, &[restore("restore-1")], 1).unwrap();
        let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        // The first time the connection has nothing prepared yet, the second time it has.
        for _ in 0..2 {
            control.object_keys_known(&[]).unwrap();
            database.execute(end_all);
            assert_eq!(control.restore_get(&acme, "restore-1").unwrap().name, "Restore restore-1");
            database.execute(end_all);
            assert_eq!(control.restore_get(&acme, "restore-1").unwrap().name, "Restore restore-1");
            control.restores_create(&acme, &[], 1).unwrap();
        }
    }

    #[test]
    fn a_server_that_is_full_stopped_or_back_again_is_away_until_it_is_not() {
        let mut cluster =
            Cluster::start_new(ClusterOptions { max_connections: 8, ..ClusterOptions::default() });
        let mut open = Vec::new();
        let refusal = loop {
            match PgConnection::establish(&cluster.url()) {
                Ok(connection) => open.push(connection),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(FailureKind::of_message(&refusal), FailureKind::Away, "{refusal}");
        open.truncate(1);
        cluster.stop();
        let (failure, words) = kind(&mut open[0], "SELECT 1");
        assert_eq!(failure, FailureKind::Away, "{words}");
        let refusal = PgConnection::establish(&cluster.url()).map(drop).unwrap_err().to_string();
        assert_eq!(FailureKind::of_message(&refusal), FailureKind::Away, "{refusal}");
        cluster.start();
        connect(&cluster.url()).batch_execute("SELECT 1").unwrap();
    }

    #[test]
    fn the_control_plane_and_its_watch_are_back_by_themselves_after_a_crash_of_the_server() {
        let mut cluster = Cluster::start_new(ClusterOptions::default());
        let settings = StoreSettings::new(cluster.url().parse().unwrap());
        let control = Store::open(&settings).unwrap().control;
        let mut watch = control.queue_watch();
        assert!(watch.wait(PATIENCE));
        let acme = tenant("acme");
        let calls = |id: &str| {
            control.restores_create(&acme, &[restore(id)], 1)?;
            control.restore_get(&acme, id)?;
            control.run_claim("worker", 1, RULES).map(drop)
        };
        calls("restore-1").unwrap();
        cluster.restart_immediate();
        // The connections of before are dead; a call may meet one, and says that trying again helps.
        let end = Instant::now() + PATIENCE;
        let mut number = 2;
        while let Err(error) = calls(&format!("restore-{number}")) {
            assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
            assert!(Instant::now() < end, "{error:?}");
            number += 1;
        }
        assert!(number < 5, "the connections of before are thrown away, not tried one by one");
        assert_eq!(control.restore_get(&acme, "restore-1").unwrap().name, "Restore restore-1");
        while !watch.wait(PATIENCE) || !watch.is_listening() {
            assert!(Instant::now() < end, "the watch does not listen again");
        }
        control
            .run_create(&acme, "restore-1", &new_run("run-a"), 1, |_, _| Ok::<_, StoreError>(json!({})))
            .unwrap();
        assert!(watch.wait(PATIENCE));
    }

    #[test]
    fn a_server_that_refuses_or_is_not_there_is_told_at_the_start_without_the_password() {
        let database = reinstate_test_postgres::database();
        let url = database.url();
        let (scheme, rest) = url.split_once("://").unwrap();
        let host = rest.split_once('@').map_or(rest, |(_, host)| host);
        let place = host.split('/').next().unwrap();
        let nowhere = format!("{scheme}://nobody_here:hu%40sh@{place}/no_such_database");
        let closed = format!("{scheme}://nobody_here:hu%40sh@127.0.0.1:1/x?connect_timeout=5");
        for (url, passes) in [(nowhere, false), (closed, true)] {
            let error = Store::open(&StoreSettings::new(url.parse().unwrap())).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("hu%40sh") && !told.contains("hu@sh"), "{told}");
            assert_eq!(matches!(error, StoreError::Unavailable { .. }), passes, "{told}");
        }
    }
}
