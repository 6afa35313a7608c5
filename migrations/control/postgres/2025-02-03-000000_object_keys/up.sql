-- Which of the objects that a storage lists are known is asked by their keys.
CREATE INDEX extract_runs_by_object ON extract_runs (object_key) WHERE object_key IS NOT NULL;
