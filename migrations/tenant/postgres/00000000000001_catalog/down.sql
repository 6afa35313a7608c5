DROP TABLE "$applied_runs";
DROP TABLE "$fields";
DROP TABLE "$models";
DROP TABLE "$catalog";
