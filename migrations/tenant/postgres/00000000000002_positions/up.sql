-- The place of a new model is behind the last: found here, where a look at all models would cost the square of their
-- number when thousands are made at once.
CREATE INDEX "$models_position" ON "$models" ("position");
