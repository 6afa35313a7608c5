DROP INDEX extract_runs_by_object;
