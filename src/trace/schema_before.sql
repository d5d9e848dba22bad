-- schema_before.sql -- what earlier versions of this program wrote otherwise, under the same schema 1.0.
--
-- A recording that is continued is opened for writing, so its schema must be one that this program
-- wrote: that of schema.sql and indexes.sql, or a statement of these in its place, to the letter.
CREATE TABLE run (id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE CHECK(length(uuid)=16), -- = OTel trace_id
  model_id INT NOT NULL REFERENCES model(id),
  role TEXT NOT NULL CHECK(role IN('engine','reference','imported')),
  parent_run_id INT REFERENCES run(id), fork_value_id INT,      -- branch created by an edit/replay
  engine TEXT NOT NULL, engine_commit TEXT, build TEXT, host TEXT,
  dtype_weight INT REFERENCES dtype(id), dtype_compute INT REFERENCES dtype(id), dtype_kv INT REFERENCES dtype(id),
  n_threads INT, seed INT, sampler TEXT NOT NULL DEFAULT '{}' CHECK(json_valid(sampler)),
  opts TEXT NOT NULL DEFAULT '{}' CHECK(json_valid(opts)),      -- full CLI + capture policy; no prompt in it with --redact
  prompt TEXT, prompt_redacted INT NOT NULL DEFAULT 0,
  started_ns INT NOT NULL, ended_ns INT, status TEXT NOT NULL DEFAULT 'running'
    CHECK(status IN('running','ok','stopped','error','crashed'))) STRICT;
CREATE TABLE edit  (id INTEGER PRIMARY KEY, run_id INT NOT NULL REFERENCES run(id), point_id INT NOT NULL REFERENCES point(id),
  pass_from INT, pass_to INT, sel TEXT, kind TEXT NOT NULL CHECK(kind IN('zero','mean','scale','add','set','replace','graft')),
  args TEXT NOT NULL DEFAULT '{}' CHECK(json_valid(args)), source_value_id INT) STRICT;
CREATE TABLE saved_query(name TEXT PRIMARY KEY, sql TEXT NOT NULL, doc TEXT,
  params TEXT NOT NULL DEFAULT '{}' CHECK(json_valid(params))) STRICT, WITHOUT ROWID;
CREATE VIEW v_value AS SELECT v.id, r.id run_id, p.idx pass, p.phase, p.pos0, p.n_tok, pt.layer, m.path module, pt.name point, pt.role, pt.fqn, pt.tl_name,
  d.name dtype, rtrim(coalesce(v.d0,'')||','||coalesce(v.d1,'')||','||coalesce(v.d2,'')||','||coalesce(v.d3,''),',') shape,
  v.numel, v.vmin, v.vmax, v.mean, v.std, v.l2, v.absmax, v.absmax_at, v.n_nan, v.n_pinf, v.n_ninf, v.n_pinf+v.n_ninf n_inf, v.n_zero, v.n_sub, v.hash, v.tensor_id, v.edit_id, v.span_id
  FROM value v JOIN pass p ON p.id=v.pass_id JOIN run r ON r.id=p.run_id JOIN point pt ON pt.id=v.point_id
  JOIN module m ON m.id=pt.module_id JOIN dtype d ON d.id=v.dtype;
CREATE VIEW slice AS   -- Perfetto-shaped
  SELECT s.id, s.ts, s.dur, s.tid track_id, 'module' category, m.path name, s.depth, s.parent_id, s.pass_id arg_set_id FROM span s JOIN module m ON m.id=s.module_id;
CREATE VIEW v_bad AS SELECT * FROM v_value WHERE n_nan>0 OR (n_inf>0 AND role NOT IN('scores','scores_masked'));
CREATE VIEW v_position AS SELECT value_id, pos,
    iif(w0 >> 23 & 255 = 255, NULL, iif(w0 >> 31, -1, 1) * ((w0 & 8388607) + iif(w0 >> 23 & 255, 8388608, 0)) * pow(2, max(w0 >> 23 & 255, 1) - 150)) l2,
    iif(w1 >> 23 & 255 = 255, NULL, iif(w1 >> 31, -1, 1) * ((w1 & 8388607) + iif(w1 >> 23 & 255, 8388608, 0)) * pow(2, max(w1 >> 23 & 255, 1) - 150)) absmax,
    iif(w2 >> 23 & 255 = 255, NULL, iif(w2 >> 31, -1, 1) * ((w2 & 8388607) + iif(w2 >> 23 & 255, 8388608, 0)) * pow(2, max(w2 >> 23 & 255, 1) - 150)) mean,
    iif(w3 >> 23 & 255 = 255, NULL, iif(w3 >> 31, -1, 1) * ((w3 & 8388607) + iif(w3 >> 23 & 255, 8388608, 0)) * pow(2, max(w3 >> 23 & 255, 1) - 150)) std
  FROM (SELECT value_id, pos,
      (16 * instr(d, substr(h, 1, 1)) + instr(d, substr(h, 2, 1)) << 0) +
      (16 * instr(d, substr(h, 3, 1)) + instr(d, substr(h, 4, 1)) << 8) +
      (16 * instr(d, substr(h, 5, 1)) + instr(d, substr(h, 6, 1)) << 16) +
      (16 * instr(d, substr(h, 7, 1)) + instr(d, substr(h, 8, 1)) << 24) w0,
      (16 * instr(d, substr(h, 9, 1)) + instr(d, substr(h, 10, 1)) << 0) +
      (16 * instr(d, substr(h, 11, 1)) + instr(d, substr(h, 12, 1)) << 8) +
      (16 * instr(d, substr(h, 13, 1)) + instr(d, substr(h, 14, 1)) << 16) +
      (16 * instr(d, substr(h, 15, 1)) + instr(d, substr(h, 16, 1)) << 24) w1,
      (16 * instr(d, substr(h, 17, 1)) + instr(d, substr(h, 18, 1)) << 0) +
      (16 * instr(d, substr(h, 19, 1)) + instr(d, substr(h, 20, 1)) << 8) +
      (16 * instr(d, substr(h, 21, 1)) + instr(d, substr(h, 22, 1)) << 16) +
      (16 * instr(d, substr(h, 23, 1)) + instr(d, substr(h, 24, 1)) << 24) w2,
      (16 * instr(d, substr(h, 25, 1)) + instr(d, substr(h, 26, 1)) << 0) +
      (16 * instr(d, substr(h, 27, 1)) + instr(d, substr(h, 28, 1)) << 8) +
      (16 * instr(d, substr(h, 29, 1)) + instr(d, substr(h, 30, 1)) << 16) +
      (16 * instr(d, substr(h, 31, 1)) + instr(d, substr(h, 32, 1)) << 24) w3
    FROM (SELECT v.id value_id, p.pos0 + p.n_tok - length(v.pos_stats) / 16 + e.key pos, '123456789ABCDEF' d,
        hex(substr(v.pos_stats, 16 * e.key + 1, 16)) h
      FROM value v JOIN pass p ON p.id=v.pass_id
        JOIN json_each('[' || replace(hex(zeroblob(length(v.pos_stats) / 16 - 1)), '00', '0,') || '0]') e
      WHERE length(v.pos_stats) >= 16));
CREATE VIEW v_run AS SELECT r.id run_id, r.line, r.line_id id, r.status, r.prompt,
  (SELECT count(*) FROM token t WHERE t.run_id=r.id AND t.source IN('bos','prompt')) n_prompt,
  (SELECT count(*) FROM token t WHERE t.run_id=r.id AND t.source='generated') n_generated,
  (SELECT group_concat(CAST(piece AS TEXT), '') FROM (SELECT piece FROM token t WHERE t.run_id=r.id AND t.source='generated' ORDER BY t.pos)) completion,
  r.seed, r.started_ns, r.ended_ns - r.started_ns dur, r.role, r.engine FROM run r;
CREATE VIEW v_run AS SELECT r.id run_id, r.line, r.line_id id, r.status, r.prompt,
  (SELECT count(*) FROM token t WHERE t.run_id=r.id AND t.source IN('bos','prompt')) n_prompt,
  (SELECT count(*) FROM token t WHERE t.run_id=r.id AND t.source='generated') n_generated,
  (SELECT CAST(group_concat(CAST(piece AS TEXT), '') AS BLOB) FROM (SELECT piece FROM token t WHERE t.run_id=r.id AND t.source='generated' ORDER BY t.pos)) completion,
  r.seed, r.started_ns, r.ended_ns - r.started_ns dur, r.role, r.engine FROM run r;
CREATE TABLE saved_query(name TEXT PRIMARY KEY, sql TEXT NOT NULL, doc TEXT,
  params TEXT NOT NULL DEFAULT '{}' CHECK(json_valid(params)), topic TEXT) STRICT;
CREATE TABLE module(id INTEGER PRIMARY KEY, model_id INT NOT NULL REFERENCES model(id), parent_id INT REFERENCES module(id),
  path TEXT NOT NULL, type TEXT NOT NULL, layer INT, ord INT NOT NULL, n_params INT NOT NULL DEFAULT 0,
  weight_bytes INT NOT NULL DEFAULT 0, UNIQUE(model_id,path)) STRICT;
