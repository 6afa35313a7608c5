DROP TABLE uploads;
DROP TABLE restore_logs;
DROP TABLE restore_runs;
DROP TABLE restores;
