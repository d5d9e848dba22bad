-- indexes.sql -- what makes queries fast, made when a recording is closed.
--
-- While recording they only cost: the rows of one pass take 3 ms without them and up to 13 ms with
-- them.  Views and queries work without them, so a recording whose writer was killed is complete.
CREATE INDEX IF NOT EXISTS point_tl     ON point(tl_name) WHERE tl_name IS NOT NULL;
CREATE INDEX IF NOT EXISTS point_role   ON point(role, layer);
CREATE INDEX IF NOT EXISTS point_fqn    ON point(fqn);
CREATE INDEX IF NOT EXISTS span_pass    ON span(pass_id, id);
CREATE INDEX IF NOT EXISTS span_module  ON span(module_id, pass_id);
CREATE INDEX IF NOT EXISTS value_point  ON value(point_id, pass_id);
CREATE INDEX IF NOT EXISTS value_pass   ON value(pass_id, id);
-- Masked scores hold -inf on purpose: v_bad leaves them out.
CREATE INDEX IF NOT EXISTS value_bad    ON value(pass_id, id) WHERE n_nan + n_pinf + n_ninf > 0;
CREATE INDEX IF NOT EXISTS tensor_hash  ON tensor(hash, raw_bytes);
CREATE INDEX IF NOT EXISTS event_run    ON event(run_id, ts);
CREATE INDEX IF NOT EXISTS edit_run     ON edit(run_id);
-- How many rows a run, a pass and a point have: or a query for one run and one role would look at
-- the values of that role in every run.  Reading some hundred rows of each index is enough.
PRAGMA analysis_limit = 400;
ANALYZE;
