-- saved_queries.sql -- questions that come with every recording.
--
-- name, the question in words, its SQL, the defaults of its parameters.  `run` 0 is the newest run.
-- `pos` below 0 counts from the end of the pass.
INSERT INTO saved_query(name, doc, sql, params) VALUES
('first-bad', 'Where does NaN or infinity first appear?',
'SELECT v.fqn, v.pass, v.phase, v.shape, v.n_nan, v.n_inf, v.numel
FROM v_first_bad f JOIN v_value v ON v.id = f.value_id
WHERE f.run_id = iif(:run, :run, (SELECT max(id) FROM run))',
'{"run": 0}'),

('residual', 'How does the residual stream grow over the layers?',
'WITH stream AS (
  SELECT coalesce(v.layer, -1) layer, p.pos, p.l2, p.absmax FROM v_value v JOIN v_position p ON p.value_id = v.id
  WHERE v.role IN (''embed'', ''resid_post'') AND v.pass = :pass
    AND p.pos = iif(:pos < 0, v.pos0 + v.n_tok + :pos, :pos)
    AND v.run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT iif(layer < 0, ''embed'', layer) layer, pos, round(l2, 3) l2, round(absmax, 3) absmax,
  substr(''████████████████████████████████████████'', 1,
         max(1, CAST(40 * l2 / (SELECT max(l2) FROM stream) AS INT))) growth
FROM stream ORDER BY stream.layer',
'{"pass": 0, "pos": -1, "run": 0}'),

('next', 'What does the model predict next, and how surely?',
'WITH here AS (
  SELECT run_id, max(pos) pos FROM v_cand
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND (:pos < 0 OR pos = :pos))
SELECT c.pos + 1 position, c.rank, CAST(c.piece AS TEXT) token, c.token_id,
  round(100 * exp(c.logprob), 2) percent, round(c.logit, 3) logit
FROM v_cand c JOIN here USING (run_id, pos) WHERE c.rank < :n ORDER BY c.rank',
'{"pos": -1, "n": 10, "run": 0}'),

('time', 'Where did the time go?',
'WITH spans AS (
  SELECT *, CASE WHEN depth = 0 THEN ''all'' WHEN module = ''lm_head'' THEN ''lm_head''
      WHEN module LIKE ''%.self_attn'' THEN ''attention'' WHEN module LIKE ''%.mlp'' THEN ''mlp''
      WHEN module LIKE ''%norm'' THEN ''norms'' WHEN module = ''model.embed_tokens'' THEN ''embed''
      WHEN module = ''model.rotary_emb'' THEN ''rotary'' END part
  FROM v_span WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND dur > 0
    AND phase = :phase)
SELECT part, count(*) calls, round(sum(dur) / 1e6, 3) ms,
  round(100.0 * sum(dur) / (SELECT sum(dur) FROM spans WHERE part = ''all''), 1) percent,
  round(1.0 * sum(flops) / sum(dur), 2) gflops, round(1.0 * sum(bytes) / sum(dur), 2) gb_s
FROM spans WHERE part IS NOT NULL GROUP BY part ORDER BY sum(dur) DESC',
'{"phase": "prefill", "run": 0}'),

('slow', 'Which module calls took longest?',
'SELECT module, pass, round(dur / 1e6, 3) ms, round(gflops, 2) gflops, round(gbps, 2) gb_s
FROM v_span WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND last_id = id
ORDER BY dur DESC LIMIT :n',
'{"n": 10, "run": 0}'),

('tokens', 'Which tokens surprised the model?',
'SELECT pos, token_id, CAST(piece AS TEXT) token, source, round(-logprob / ln(2), 2) surprise_bits,
  rank, round(entropy / ln(2), 2) entropy_bits
FROM v_token WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY pos',
'{"run": 0}'),

('merges', 'How did the tokenizer build the tokens?',
'SELECT seq step, rule, CAST(left_piece AS TEXT) "left", CAST(right_piece AS TEXT) "right",
  CAST(merged AS TEXT) result, rank, at_byte
FROM v_tok_step WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY seq',
'{"run": 0}'),

('cuts', 'Which candidates did sampling cut, and by what rule?',
'SELECT pos + 1 position, rank, CAST(piece AS TEXT) token, round(100 * exp(logprob), 2) percent,
  coalesce(cut_by, ''kept'') verdict
FROM v_cand WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND (:pos < 0 OR pos = :pos)
ORDER BY pos, rank',
'{"pos": -1, "run": 0}'),

('quiet-layers', 'Which layers change the residual stream least?',
'SELECT layer, pos, round(100 * attn / stream, 1) attention_percent, round(100 * mlp / stream, 1) mlp_percent,
  round(stream, 2) stream_l2
FROM (SELECT v.layer, p.pos, max(p.l2) FILTER (WHERE v.role = ''attn_out'') attn,
        max(p.l2) FILTER (WHERE v.role = ''mlp_out'') mlp,
        max(p.l2) FILTER (WHERE v.role = ''resid_post'') stream
      FROM v_value v JOIN v_position p ON p.value_id = v.id
      WHERE v.role IN (''attn_out'', ''mlp_out'', ''resid_post'') AND v.pass = :pass
        AND p.pos = iif(:pos < 0, v.pos0 + v.n_tok + :pos, :pos)
        AND v.run_id = iif(:run, :run, (SELECT max(id) FROM run)) GROUP BY v.layer)
ORDER BY (attn + mlp) / stream',
'{"pass": 0, "pos": -1, "run": 0}'),

('big-values', 'Where are the largest activations?',
'SELECT fqn, pass, shape, round(absmax, 3) absmax, absmax_at at, round(std, 4) std,
  round(absmax / nullif(std, 0), 1) in_std
FROM v_value WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))
ORDER BY absmax DESC LIMIT :n',
'{"n": 10, "run": 0}'),

('dumps', 'Which tensors are stored, and how large are they?',
'SELECT fqn, pass, dtype, shape, dump_from first_position, count(*) chunks, sum(length(data)) bytes
FROM v_payload WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))
GROUP BY value_id ORDER BY value_id',
'{"run": 0}');
