DROP INDEX "$models_position";
