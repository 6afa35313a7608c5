DROP TABLE extract_artifacts;
DROP TABLE extract_runs;
DROP TABLE extracts;
