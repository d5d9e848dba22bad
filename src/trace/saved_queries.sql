-- saved_queries.sql -- questions that come with every recording.
--
-- Topic, name, the question in words, how to read the answer, its SQL, the defaults of its parameters;
-- saved_param says what each parameter takes.  The order is that of `torchless query --list` and
-- docs/recording-answers.md.  `here` is where a question is asked: MATERIALIZED, or SQLite looks for it again for
-- each row of attention.  tests/py/test_saved_queries.py holds each against numpy and fails when one has
-- no check.
INSERT INTO saved_query(topic, name, doc, note, sql, params) VALUES
-- ---- tokens --------------------------------------------------------------------------------
('Tokens', 'bytes', 'Which bytes does each token stand for?',
'bytes are hexadecimal; byte_start and byte_end count in the prompt.',
'SELECT pos, token_id, CAST(piece AS TEXT) token, hex(piece) bytes, byte_start, byte_end, source
FROM v_token WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY pos',
'{"run": 0}'),

('Tokens', 'merges', 'How did the tokenizer build the tokens?',
'In the order in which it happened: split cuts the text into words, merge joins two pieces, those of low rank first.',
'SELECT seq step, rule, CAST(left_piece AS TEXT) "left", CAST(right_piece AS TEXT) "right",
  CAST(merged AS TEXT) result, rank, at_byte
FROM v_tok_step WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY seq',
'{"run": 0}'),

('Tokens', 'tokens', 'Which tokens surprised the model?',
'surprise is how unexpected a token was, entropy how unsure the model was before it; rank 0 was the first choice.',
'SELECT pos, token_id, CAST(piece AS TEXT) token, source, round(-logprob / ln(2), 2) surprise_bits,
  rank, round(entropy / ln(2), 2) entropy_bits
FROM v_token WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY pos',
'{"run": 0}'),

('Tokens', 'perplexity', 'How well did the model predict the text?',
'Over the tokens that were predicted, so not the first. A perplexity of 10 is a choice between 10 tokens, all as likely.',
'SELECT source, count(logprob) tokens, round(avg(-logprob) / ln(2), 3) bits_a_token,
  round(exp(avg(-logprob)), 3) perplexity, CAST(printf(''%.4g'', 100.0 * avg(rank = 0)) AS REAL) first_choice_percent
FROM v_token WHERE logprob NOT NULL AND run_id = iif(:run, :run, (SELECT max(id) FROM run))
GROUP BY source ORDER BY min(pos)',
'{"run": 0}'),

-- ---- prediction ----------------------------------------------------------------------------
('Prediction', 'next', 'What does the model predict next, and how surely?',
'position is where the token would stand; percent is what the model says, drawn_percent what was drawn from, after temperature and cuts (empty where nothing was drawn).',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
drawn AS MATERIALIZED (SELECT json_extract(e.data, ''$.mass'') mass, json_extract(r.sampler, ''$.temp'') temp,
    (SELECT logit FROM v_cand WHERE run_id = (SELECT run FROM here) AND pos = (SELECT pos FROM here) AND rank = 0) best
  FROM event e JOIN run r ON r.id = e.run_id WHERE e.run_id = (SELECT run FROM here) AND e.kind = ''sampler''
    AND json_extract(e.data, ''$.pos'') = (SELECT pos FROM here) AND json_extract(e.data, ''$.mass'') > 0)
SELECT c.pos + 1 position, c.rank, CAST(c.piece AS TEXT) token, c.token_id,
  CAST(printf(''%.4g'', 100 * exp(c.logprob)) AS REAL) percent, round(c.logit, 3) logit,
  iif(d.mass, CAST(printf(''%.4g'', c.kept * 100 * exp((c.logit - d.best) / d.temp) / d.mass) AS REAL), NULL) drawn_percent
FROM here JOIN v_cand c ON c.run_id = here.run AND c.pos = here.pos LEFT JOIN drawn d WHERE c.rank < :n ORDER BY c.rank',
'{"n": 10, "pos": -1, "run": 0}'),

('Prediction', 'sure', 'How sure is the model at each position?',
'logit_gap is how far the first choice is above the second.',
'SELECT c.pos, CAST(t.piece AS TEXT) token, CAST(c.piece AS TEXT) predicts, CAST(printf(''%.4g'', 100 * exp(c.logprob)) AS REAL) percent,
  round(c.logit - d.logit, 3) logit_gap, round(n.entropy / ln(2), 2) entropy_bits
FROM v_cand c JOIN v_cand d ON d.run_id = c.run_id AND d.pos = c.pos AND d.rank = 1
  LEFT JOIN v_token t ON t.run_id = c.run_id AND t.pos = c.pos
  LEFT JOIN v_token n ON n.run_id = c.run_id AND n.pos = c.pos + 1
WHERE c.rank = 0 AND c.run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY c.pos',
'{"run": 0}'),

('Prediction', 'picks', 'What was picked at each step, and how likely was it?',
'percent is before temperature and cuts; kept is how many of the stored candidates were left to draw from.',
'SELECT t.pos, CAST(t.piece AS TEXT) token, t.rank, iif(t.logprob NOT NULL, CAST(printf(''%.4g'', 100 * exp(t.logprob)) AS REAL), NULL) percent,
  (SELECT CAST(c.piece AS TEXT) FROM v_cand c WHERE c.run_id = t.run_id AND c.pos = t.pos - 1 AND c.rank = 0) likeliest,
  (SELECT count(*) FROM v_cand c WHERE c.run_id = t.run_id AND c.pos = t.pos - 1 AND c.kept) kept
FROM v_token t WHERE t.source IN (''generated'', ''forced'')
  AND t.run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY t.pos',
'{"run": 0}'),

('Prediction', 'cuts', 'Which candidates did top-p cut, or top-k or min-p?',
'verdict is the rule that cut a candidate, or kept; percent is what the model says, drawn_percent what was drawn from, after temperature and cuts. Greedy runs have nothing to cut.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
drawn AS MATERIALIZED (SELECT json_extract(e.data, ''$.mass'') mass, json_extract(r.sampler, ''$.temp'') temp,
    (SELECT logit FROM v_cand WHERE run_id = (SELECT run FROM here) AND pos = (SELECT pos FROM here) AND rank = 0) best
  FROM event e JOIN run r ON r.id = e.run_id WHERE e.run_id = (SELECT run FROM here) AND e.kind = ''sampler''
    AND json_extract(e.data, ''$.pos'') = (SELECT pos FROM here) AND json_extract(e.data, ''$.mass'') > 0)
SELECT c.pos + 1 position, c.rank, CAST(c.piece AS TEXT) token, CAST(printf(''%.4g'', 100 * exp(c.logprob)) AS REAL) percent,
  coalesce(c.cut_by, ''kept'') verdict,
  iif(d.mass, CAST(printf(''%.4g'', c.kept * 100 * exp((c.logit - d.best) / d.temp) / d.mass) AS REAL), NULL) drawn_percent
FROM here JOIN v_cand c ON c.run_id = here.run AND c.pos = here.pos
  JOIN v_token t ON t.run_id = c.run_id AND t.pos = c.pos + 1 AND t.source IN (''generated'', ''forced'') LEFT JOIN drawn d
WHERE :by = '''' OR c.cut_by = replace(:by, ''-'', ''_'') ORDER BY c.rank',
'{"by": "", "pos": -1, "run": 0}'),

('Prediction', 'explain-token', 'How did a token come to be read, and the next one to be picked?',
'From bytes to pick: the bytes of the token at pos, the merges that joined them, its id, the candidates for the next token and what cut each,
the rules of the sampler, the pick, and the random number that drew it: shares of what was kept lie side by side from 0 to 1, the likeliest first. percent is before temperature and cuts; a rank of a merge is its line in the table of merges.',
'WITH here AS (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
t AS (SELECT * FROM v_token WHERE run_id = (SELECT run FROM here) AND pos = (SELECT pos FROM here))
SELECT stage, token, rank, percent, note FROM (
SELECT 1 part, 0 at, ''bytes'' stage, CAST(piece AS TEXT) token, NULL rank, NULL percent, ''hexadecimal '' || hex(piece)
  || iif(byte_end > byte_start, '', bytes '' || byte_start || '' to '' || (byte_end - 1) || '' of the prompt'', '', '' || source) note FROM t
UNION ALL SELECT 2, seq, rule, CAST(merged AS TEXT), rank, NULL, CAST(left_piece AS TEXT) || '' + '' || CAST(right_piece AS TEXT)
  FROM v_tok_step WHERE run_id = (SELECT run FROM here) AND rule = ''merge'' AND at_byte >= (SELECT byte_start FROM t)
  AND at_byte < (SELECT byte_end FROM t)
UNION ALL SELECT 3, 0, ''id'', CAST(piece AS TEXT), NULL, NULL, token_id || '', read at position '' || pos FROM t
UNION ALL SELECT 4, 0, ''model'', NULL, NULL, NULL, m.name || coalesce('', weights '' || lower(hex(m.weights_xxh3)), '''')
  FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = (SELECT run FROM here)
UNION ALL SELECT 5, rank, ''candidate'', CAST(piece AS TEXT), rank, iif(logprob NOT NULL, CAST(printf(''%.4g'', 100 * exp(logprob)) AS REAL), NULL),
  ''logit '' || round(logit, 3) || coalesce('', cut by '' || cut_by, '''')
  FROM v_cand WHERE run_id = (SELECT run FROM here) AND pos = (SELECT pos FROM here) AND rank < :n
UNION ALL SELECT 6, id, json_extract(data, ''$.rule''), NULL, NULL, NULL, iif(json_extract(data, ''$.rule'') = ''temp'', ''logits divided by ''
  || (SELECT json_extract(sampler, ''$.temp'') FROM run WHERE id = run_id), ''leaves '' || json_extract(data, ''$.rank''))
  FROM event WHERE run_id = (SELECT run FROM here) AND kind = ''sampler'' AND json_extract(data, ''$.pos'') = (SELECT pos FROM here)
  AND json_extract(data, ''$.rule'') <> ''pick''
UNION ALL SELECT 7, 0, CASE source WHEN ''generated'' THEN ''pick'' WHEN ''forced'' THEN ''forced'' ELSE ''given'' END, CAST(piece AS TEXT), rank, iif(logprob NOT NULL, CAST(printf(''%.4g'', 100 * exp(logprob)) AS REAL), NULL),
  ''id '' || token_id || CASE source WHEN ''generated'' THEN coalesce((SELECT '', drawn by '' || printf(''%.6f'', json_extract(data, ''$.draw''))
     || '' of 1'' FROM event e WHERE e.run_id = v_token.run_id AND kind = ''sampler'' AND json_extract(data, ''$.pos'') = v_token.pos - 1 AND json_extract(data, ''$.mass'') > 0),
     '''') || coalesce('', seed '' || (SELECT seed FROM run WHERE id = run_id), '''') WHEN ''forced'' THEN '', whatever the sampler picked'' ELSE '', by the prompt'' END
  FROM v_token WHERE run_id = (SELECT run FROM here) AND pos = (SELECT pos FROM here) + 1)
ORDER BY part, at',
'{"n": 5, "pos": -1, "run": 0}'),

-- ---- layers --------------------------------------------------------------------------------
('Layers', 'layer-knows', 'At which layer is the answer known?',
'By the logit lens: the first layer that has the answer as its first choice, the one from which on it stays, and what was said before.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
best AS MATERIALIZED (SELECT l.layer, l.token, l.token_id, l.logprob
  FROM here JOIN lens l ON l.run = here.run AND l.pos = here.pos WHERE l.rank = 0),
answer AS MATERIALIZED (SELECT token_id, token, logprob FROM best ORDER BY layer DESC LIMIT 1),
known AS (SELECT min(layer) FILTER (WHERE best.token_id = answer.token_id) first_layer,
  max(layer) FILTER (WHERE best.token_id <> answer.token_id) last_other FROM best, answer)
SELECT answer.token answer, CAST(printf(''%.4g'', 100 * exp(answer.logprob)) AS REAL) percent, known.first_layer first_choice_at_layer,
  coalesce(last_other + 1, (SELECT min(layer) FROM best)) always_from_layer,
  (SELECT token FROM best WHERE layer = last_other) before_it
FROM answer, known WHERE answer.logprob NOT NULL',
'{"pos": -1, "run": 0}'),

('Layers', 'lens', 'What would the model say if it stopped after each layer?',
'The residual stream after each layer goes through the final norm and the LM head; the last layer is what the model says. Layer -1 is the embedding. drawn_percent is what the sampler would have drawn the token with; empty for greedy runs.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT l.layer, iif(l.logprob NOT NULL, l.token, NULL) token, iif(l.logprob NOT NULL, CAST(printf(''%.4g'', 100 * exp(l.logprob)) AS REAL), NULL) percent,
  iif(m.logprob NOT NULL, m.token, NULL) second, iif(m.logprob NOT NULL, CAST(printf(''%.4g'', 100 * exp(m.logprob)) AS REAL), NULL) second_percent,
  iif(l.drawn NOT NULL, CAST(printf(''%.4g'', 100 * l.drawn) AS REAL), NULL) drawn_percent
FROM here JOIN lens l ON l.run = here.run AND l.pos = here.pos AND l.rank = 0
  JOIN lens m ON m.run = here.run AND m.pos = here.pos AND m.rank = 1 AND m.layer = l.layer
ORDER BY l.layer',
'{"pos": -1, "run": 0}'),

('Layers', 'token-layers', 'How likely is a token after each layer?',
'By the logit lens; rank 0 is the first choice. Without token it is what the model says.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
answer AS MATERIALIZED (SELECT iif(:token <> '''', tok_id(CAST(:token AS TEXT)),
    (SELECT c.token_id FROM v_cand c WHERE c.run_id = here.run AND c.pos = here.pos AND c.rank = 0)) token_id FROM here)
SELECT l.layer, l.token, iif(l.logit NOT NULL, l.rank, NULL) rank, iif(l.logprob NOT NULL, CAST(printf(''%.4g'', 100 * exp(l.logprob)) AS REAL), NULL) percent,
  round(l.logit, 3) logit
FROM here, answer JOIN lens l ON l.run = here.run AND l.pos = here.pos AND l.token_id = answer.token_id ORDER BY l.layer',
'{"pos": -1, "run": 0, "token": ""}'),

('Layers', 'residual', 'How does the residual stream grow over the layers?',
'l2 is the length of the stream at pos, growth its share of the longest.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
stream AS (
  SELECT coalesce(v.layer, -1) layer, p.pos, p.l2, p.absmax
  FROM here JOIN v_value v ON v.run_id = here.run AND here.pos BETWEEN v.pos0 AND v.pos0 + v.n_tok - 1
    JOIN v_position p ON p.value_id = v.id AND p.pos = here.pos
  WHERE v.role IN (''embed'', ''resid_post''))
SELECT iif(layer < 0, ''embed'', layer) layer, pos, round(l2, 3) l2, round(absmax, 3) absmax,
  substr(''████████████████████████████████████████'', 1,
         max(1, CAST(40 * l2 / (SELECT max(l2) FROM stream) AS INT))) growth
FROM stream ORDER BY stream.layer',
'{"pos": -1, "run": 0}'),

('Layers', 'quiet-layers', 'Which layers change the residual stream least?',
'Lengths of what attention and MLP add, as a share of the stream behind the layer; the quietest first.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT layer, pos, iif(attn / stream NOT NULL, CAST(printf(''%.4g'', 100 * attn / stream) AS REAL), NULL) attention_percent, iif(mlp / stream NOT NULL, CAST(printf(''%.4g'', 100 * mlp / stream) AS REAL), NULL) mlp_percent,
  round(stream, 2) stream_l2
FROM (SELECT v.layer, p.pos, max(p.l2) FILTER (WHERE v.role = ''attn_out'') attn,
        max(p.l2) FILTER (WHERE v.role = ''mlp_out'') mlp,
        max(p.l2) FILTER (WHERE v.role = ''resid_post'') stream
      FROM here JOIN v_value v ON v.run_id = here.run AND here.pos BETWEEN v.pos0 AND v.pos0 + v.n_tok - 1
        JOIN v_position p ON p.value_id = v.id AND p.pos = here.pos
      WHERE v.role IN (''attn_out'', ''mlp_out'', ''resid_post'') GROUP BY v.layer)
ORDER BY (attn + mlp) / stream NULLS LAST, layer',
'{"pos": -1, "run": 0}'),

('Layers', 'turns', 'Where does the residual stream turn?',
'Cosines: 1 is the same direction, 0 a right angle.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
stream AS MATERIALIZED (SELECT v.layer, t_slice(v.id, ''[pos='' || here.pos || '']'') x
  FROM here JOIN v_value v ON v.run_id = here.run AND v.role = ''resid_post''
    AND here.pos BETWEEN v.pos0 AND v.pos0 + v.n_tok - 1)
SELECT s.layer, round(t_cos(b.x, s.x), 3) with_layer_before, round(t_cos(s.x, e.x), 3) with_last_layer
FROM stream s JOIN stream e ON e.layer = (SELECT max(layer) FROM stream)
  LEFT JOIN stream b ON b.layer = s.layer - 1 ORDER BY s.layer',
'{"pos": -1, "run": 0}'),

('Layers', 'norms', 'By what do the norms divide, layer by layer?',
'Each norm divides by the root of the mean square of the stream at a position.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT coalesce(v.layer, ''final'') layer, p.pos,
  round(max(p.mean) FILTER (WHERE v.role <> ''ln2_rms''), 4) before_attention,
  round(max(p.mean) FILTER (WHERE v.role = ''ln2_rms''), 4) before_mlp
FROM here JOIN v_value v ON v.run_id = here.run AND here.pos BETWEEN v.pos0 AND v.pos0 + v.n_tok - 1
  JOIN v_position p ON p.value_id = v.id AND p.pos = here.pos
WHERE v.role IN (''ln1_rms'', ''ln2_rms'', ''ln_final_rms'') GROUP BY v.layer ORDER BY min(v.id)',
'{"pos": -1, "run": 0}'),

('Layers', 'first-token', 'How much larger is the residual stream at the first token?',
'Over the prompt: the length of the stream at the first token, and the mean of the others.',
'SELECT v.layer, round(max(p.l2) FILTER (WHERE p.pos = 0), 2) first_l2,
  round(avg(p.l2) FILTER (WHERE p.pos > 0), 2) others_mean_l2,
  round(max(p.l2) FILTER (WHERE p.pos = 0) / nullif(avg(p.l2) FILTER (WHERE p.pos > 0), 0), 2) times
FROM v_value v JOIN v_position p ON p.value_id = v.id
WHERE v.role = ''resid_post'' AND v.phase = ''prefill''
  AND v.run_id = iif(:run, :run, (SELECT max(id) FROM run)) GROUP BY v.layer ORDER BY v.layer',
'{"run": 0}'),

('Layers', 'massive', 'Where are the massive activations of the residual stream?',
'The largest element of the stream of each layer: at which token, in which dimension, in standard deviations of all elements.',
'SELECT most.layer, most.pos0 + most.absmax_at / m.d_model pos, CAST(t.piece AS TEXT) token,
  most.absmax_at % m.d_model dimension, round(iif(most.vmax = most.absmax, most.absmax, -most.absmax), 2) value,
  round(most.absmax / nullif(most.std, 0), 1) in_std
FROM (SELECT layer, max(absmax) absmax, run_id, pos0, absmax_at, vmax, std FROM v_value
      WHERE role = ''resid_post'' AND :phase IN (''all'', phase) AND run_id = iif(:run, :run, (SELECT max(id) FROM run))
      GROUP BY layer HAVING max(absmax) NOT NULL) most
  JOIN run r ON r.id = most.run_id JOIN model m ON m.id = r.model_id
  LEFT JOIN v_token t ON t.run_id = most.run_id AND t.pos = most.pos0 + most.absmax_at / m.d_model
ORDER BY most.layer',
'{"phase": "prefill", "run": 0}'),

('Layers', 'outliers', 'Is the residual stream ruled by a few dimensions?',
'A normal distribution has kurtosis 3. percent_of_square is the share of one dimension in the squared length.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
moment AS (SELECT v.layer, e.i0 dimension, max(e.value * e.value) largest, sum(e.value * e.value) square,
    avg(e.value) a, avg(pow(e.value, 2)) b, avg(pow(e.value, 3)) c, avg(pow(e.value, 4)) d
  FROM here JOIN v_value v ON v.run_id = here.run AND v.role = ''resid_post''
      AND here.pos BETWEEN v.pos0 AND v.pos0 + v.n_tok - 1
    JOIN tensor_each(t_slice(v.id, ''[pos='' || here.pos || '']'')) e
  GROUP BY v.layer)
SELECT layer, round((d - 4 * a * c + 6 * a * a * b - 3 * pow(a, 4)) / pow(b - a * a, 2), 2) kurtosis,
  iif(square > 0, dimension, NULL) dimension, iif(square > 0, CAST(printf(''%.4g'', 100 * largest / square) AS REAL), NULL) percent_of_square
FROM moment ORDER BY layer',
'{"pos": -1, "run": 0}'),

('Layers', 'big-values', 'Where are the largest activations?',
'at is the index of the element in C order, in_std its size in standard deviations.',
'SELECT fqn, pass, shape, round(absmax, 3) absmax, absmax_at at, round(std, 4) std,
  round(absmax / nullif(std, 0), 1) in_std
FROM v_value WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))
ORDER BY absmax DESC LIMIT :n',
'{"n": 10, "run": 0}'),

-- ---- attention -----------------------------------------------------------------------------
('Attention', 'sinks', 'Which heads look at the first token?',
'How much of the attention of the query at pos goes to the first token, position 0.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT a.layer, a.head, here.pos, iif(a.p NOT NULL, CAST(printf(''%.4g'', 100 * a.p) AS REAL), NULL) percent
FROM here JOIN attn a ON a.run = here.run AND a.q = here.pos AND a.k = 0 ORDER BY a.p DESC LIMIT :n',
'{"n": 10, "pos": -1, "run": 0}'),

('Attention', 'previous', 'Which heads look at the previous token?',
'How much of the attention of the query at pos goes to the token before it, of which position 0 has none.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT a.layer, a.head, here.pos, iif(a.p NOT NULL, CAST(printf(''%.4g'', 100 * a.p) AS REAL), NULL) percent
FROM here JOIN attn a ON a.run = here.run AND a.q = here.pos AND a.k = here.pos - 1 ORDER BY a.p DESC LIMIT :n',
'{"n": 10, "pos": -1, "run": 0}'),

('Attention', 'induction', 'Which heads look at what followed this token the last time?',
'Over the last tokens that had been read before, at positions: how much attention goes to what followed them then. No rows: no token repeats.',
'WITH t AS (SELECT * FROM v_token WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND source IN (''bos'', ''prompt'')),
again AS MATERIALIZED (SELECT t.run_id, t.pos q, max(u.pos) + 1 k FROM t JOIN t u ON u.token_id = t.token_id AND u.pos < t.pos - 1
  GROUP BY t.pos ORDER BY t.pos DESC LIMIT :n)
SELECT a.layer, a.head, count(*) repeats, iif(avg(a.p) NOT NULL, CAST(printf(''%.4g'', 100 * avg(a.p)) AS REAL), NULL) percent, group_concat(a.q, '' '') positions
FROM again JOIN attn a ON a.run = again.run_id AND a.q = again.q AND a.k = again.k
GROUP BY a.layer, a.head ORDER BY avg(a.p) DESC LIMIT :n',
'{"n": 10, "run": 0}'),

('Attention', 'attention-entropy', 'Which heads look at one token only, and which at all?',
'Narrowest first: 0 bits is one token only, and each bit more is twice as many.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT a.layer, a.head, here.pos, round(-sum(a.p * ln(a.p)) / ln(2), 3) entropy_bits, iif(max(a.p) NOT NULL, CAST(printf(''%.4g'', 100 * max(a.p)) AS REAL), NULL) most_percent
FROM here JOIN attn a ON a.run = here.run AND a.q = here.pos WHERE a.p > 0
GROUP BY a.layer, a.head ORDER BY -sum(a.p * ln(a.p)) LIMIT :n',
'{"n": 10, "pos": -1, "run": 0}'),

('Attention', 'head', 'What does one head look at?',
'The head of layer at pos, the query; k is the position that is looked at, score what it has before the softmax.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT a.layer, a.head, a.q pos, a.k, CAST(t.piece AS TEXT) token, round(a.score, 3) score, iif(a.p NOT NULL, CAST(printf(''%.4g'', 100 * a.p) AS REAL), NULL) percent
FROM here JOIN attn a ON a.run = here.run AND a.q = here.pos AND a.layer = :layer AND a.head = :head
  LEFT JOIN v_token t ON t.run_id = here.run AND t.pos = a.k ORDER BY a.p DESC LIMIT :n',
'{"head": 0, "layer": 0, "n": 20, "pos": -1, "run": 0}'),

('Attention', 'looked-at', 'Which tokens are looked at most?',
'By the query at pos, over all heads of all layers.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT most.k pos, CAST(t.piece AS TEXT) token, iif(mean NOT NULL, CAST(printf(''%.4g'', 100 * mean) AS REAL), NULL) mean_percent, iif(largest NOT NULL, CAST(printf(''%.4g'', 100 * largest) AS REAL), NULL) most_percent,
  heads_over_half
FROM (SELECT a.run, a.k, avg(a.p) mean, max(a.p) largest, sum(a.p > 0.5) heads_over_half
      FROM here JOIN attn a ON a.run = here.run AND a.q = here.pos GROUP BY a.k ORDER BY avg(a.p) DESC LIMIT :n) most
  LEFT JOIN v_token t ON t.run_id = most.run AND t.pos = most.k ORDER BY mean DESC',
'{"n": 10, "pos": -1, "run": 0}'),

-- ---- units of the mlps ---------------------------------------------------------------------
('Units of the MLPs', 'units', 'Which units fire most?',
'The largest activation of a unit over all positions, and the token it fires at; but: a layer of which only statistics were kept has its loudest unit alone (`torchless trace --capture units PROMPT` keeps every one).',
'SELECT most.layer, most.absmax_at % m.d_ff unit, most.pos0 + most.absmax_at / m.d_ff pos, CAST(t.piece AS TEXT) token,
  round(iif(most.vmax = most.absmax, most.absmax, -most.absmax), 3) activation, round(most.absmax / nullif(most.std, 0), 1) in_std,
  ''the loudest of its layer alone: --capture units keeps all'' but
FROM (SELECT layer, max(absmax) absmax, run_id, pos0, absmax_at, vmax, std FROM v_value
      WHERE role = ''mlp_post'' AND :phase IN (''all'', phase) AND run_id = iif(:run, :run, (SELECT max(id) FROM run))
      GROUP BY layer HAVING max(absmax) NOT NULL) most
  JOIN run r ON r.id = most.run_id JOIN model m ON m.id = r.model_id
  LEFT JOIN v_token t ON t.run_id = most.run_id AND t.pos = most.pos0 + most.absmax_at / m.d_ff
ORDER BY most.absmax DESC LIMIT :n',
'{"n": 10, "phase": "prefill", "run": 0}'),

('Units of the MLPs', 'silent-units', 'How many units are nearly silent?',
'At one position: silent is below a share of the loudest unit of the layer, in size.',
'WITH here AS MATERIALIZED (SELECT run_id run, iif(:pos < 0, n_prompt + :pos, :pos) pos FROM v_run
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))),
units AS MATERIALIZED (SELECT v.layer, t_slice(v.id, ''[pos='' || here.pos || '']'') x
  FROM here JOIN v_value v ON v.run_id = here.run AND v.role = ''mlp_post''
    AND here.pos BETWEEN v.pos0 AND v.pos0 + v.n_tok - 1),
silent AS MATERIALIZED (SELECT layer, CAST(t_shape(x) AS INT) units, t_absmax(x) loudest,
    t_hist(x, 1, -:below * t_absmax(x), :below * t_absmax(x)) ->> ''$.counts[0]'' n FROM units)
SELECT layer, units, n silent, iif(n NOT NULL, CAST(printf(''%.4g'', 100.0 * n / units) AS REAL), NULL) percent, round(loudest, 3) loudest FROM silent ORDER BY layer',
'{"below": 0.01, "pos": -1, "run": 0}'),

-- ---- time and memory -----------------------------------------------------------------------
-- `took` is view v_took, of one run: SQLite would compute the view for all of them.
('Time and memory', 'time', 'Where did the time go?',
'ms is the time of ops, without the recorder: every op counts to one part (the table part says what each is), and the parts add up to all, of which percent is the share. A spread is half of what lies between the quartiles of the repeats; without trace --repeat N there is one timing, and of a part under a millisecond it is mostly chance.',
'WITH took AS MATERIALIZED (SELECT pass, layer, part, avg(ns) ns FROM (SELECT pass, layer, part, ns, count(*) OVER (PARTITION BY pass, layer, part) - 1 n,
    row_number() OVER (PARTITION BY pass, layer, part ORDER BY ns) - 1 i FROM v_timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase))
  WHERE abs(2 * i - n) < 2 GROUP BY pass, layer, part
  UNION ALL SELECT pass, layer, part, 1.0 * sum(ns) FROM own_time WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase)
  AND NOT EXISTS (SELECT 1 FROM timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))) GROUP BY pass, layer, part),
recorded AS (SELECT part, sum(calls) calls, sum(flops) flops, sum(bytes) bytes FROM own_time
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase) GROUP BY part),
sample AS MATERIALIZED (SELECT repeat, part, sum(ns) ns FROM v_timing
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase) GROUP BY repeat, part),
whole AS MATERIALIZED (SELECT repeat, sum(ns) ns FROM sample GROUP BY repeat),
one AS (SELECT part, s.ns, 100.0 * s.ns / nullif(w.ns, 0) share FROM sample s JOIN whole w ON w.repeat = s.repeat
  UNION ALL SELECT ''all'', ns, NULL FROM whole),
sorted AS (SELECT part, ns, share, count(*) OVER (PARTITION BY part) - 1 n,
  row_number() OVER (PARTITION BY part ORDER BY ns) - 1 i, row_number() OVER (PARTITION BY part ORDER BY share) - 1 j FROM one),
spread AS (SELECT part, iif(n, sum(ns * (max(0, 1 - abs(i - n * 0.75)) - max(0, 1 - abs(i - n * 0.25)))) / 2, NULL) ns,
  iif(n, sum(share * (max(0, 1 - abs(j - n * 0.75)) - max(0, 1 - abs(j - n * 0.25)))) / 2, NULL) share FROM sorted GROUP BY part),
numbers AS (SELECT t.part, sum(t.ns) ns, r.calls, r.flops, r.bytes FROM took t JOIN recorded r ON r.part = t.part GROUP BY t.part
  UNION ALL SELECT ''all'', (SELECT sum(ns) FROM took), (SELECT count(*) FROM pass WHERE idx NOT NULL AND run_id = iif(:run, :run, (SELECT max(id) FROM run))
    AND :phase IN (''all'', phase)), sum(flops), sum(bytes) FROM recorded)
SELECT m.part, m.calls, round(m.ns / 1e6, 3) ms, round(s.ns / 1e6, 3) ms_spread,
  CAST(printf(''%.4g'', 100.0 * m.ns / (SELECT nullif(sum(ns), 0) FROM took)) AS REAL) percent,
  iif(s.share NOT NULL, CAST(printf(''%.4g'', s.share) AS REAL), NULL) percent_spread,
  round(m.flops / m.ns, 2) gflops, round(m.bytes / m.ns, 2) gb_s
FROM numbers m LEFT JOIN spread s ON s.part = m.part WHERE m.ns NOT NULL ORDER BY m.ns DESC',
'{"phase": "all", "run": 0}'),

('Time and memory', 'roofline', 'Where did the time go, against the roofline?',
'ms is the time of ops, as in the query time. intensity is operations a byte; least_ms is what the roof allows, bound_by which side of it, percent how much of ms that is. cache: it took less than memory allows, so what it reads lay in a cache, where that limit does not bind and a percentage of it would say nothing. The roof is the peak of the machine when it is given, else the best that matrix products of the run reached; roof too low: something was faster.',
'WITH t AS MATERIALIZED (SELECT pass, layer, part, sum(flops) flops, sum(bytes) bytes FROM own_time
  WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase) GROUP BY pass, layer, part HAVING sum(ns) > 0),
own AS (SELECT part, flops, bytes FROM t UNION ALL SELECT ''all'', sum(flops), sum(bytes) FROM t GROUP BY pass),
took AS MATERIALIZED (SELECT pass, layer, part, avg(ns) ns FROM (SELECT pass, layer, part, ns, count(*) OVER (PARTITION BY pass, layer, part) - 1 n,
    row_number() OVER (PARTITION BY pass, layer, part ORDER BY ns) - 1 i FROM v_timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase))
  WHERE abs(2 * i - n) < 2 GROUP BY pass, layer, part
  UNION ALL SELECT pass, layer, part, 1.0 * sum(ns) FROM own_time WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase)
  AND NOT EXISTS (SELECT 1 FROM timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))) GROUP BY pass, layer, part),
sums AS (SELECT part, sum(ns) ns FROM took GROUP BY part UNION ALL SELECT ''all'', sum(ns) FROM took),
best AS (SELECT max(gflops) f, max(gbps) b FROM v_span WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND dur > 0 AND type = ''Linear''
  UNION ALL SELECT max(1.0 * t.flops / k.ns), max(1.0 * t.bytes / k.ns) FROM t JOIN took k ON k.pass = t.pass AND k.layer IS t.layer AND k.part = t.part
  WHERE k.ns > 0 AND t.part IN (''attention'', ''mlp'', ''lm_head'')),
roof AS MATERIALIZED (SELECT 1.0 * iif(:gflops, :gflops, max(f)) f, 1.0 * iif(:gbps, :gbps, max(b)) b FROM best),
least AS (SELECT part, sum(flops) flops, sum(bytes) bytes, sum(max(flops / f, bytes / b)) ns, f, b,
  sum(flops) / f > sum(bytes) / b is_arithmetic FROM own, roof GROUP BY part)
SELECT m.part, round(m.ns / 1e6, 3) ms, round(1.0 * l.flops / l.bytes, 2) intensity,
  iif(l.ns > m.ns, iif(is_arithmetic, ''roof too low'', ''cache''), iif(is_arithmetic, ''arithmetic'', ''memory'')) bound_by,
  round(l.ns / 1e6, 3) least_ms, iif(l.ns > m.ns, NULL, CAST(printf(''%.4g'', 100 * l.ns / m.ns) AS REAL)) percent,
  round(f, 1) roof_gflops, round(b, 1) roof_gb_s
FROM sums m JOIN least l ON l.part = m.part ORDER BY m.ns DESC',
'{"gbps": 0, "gflops": 0, "phase": "all", "run": 0}'),

('Time and memory', 'slow', 'Which module calls took longest?',
'Calls that contain no others. What trace --repeat times again are parts of layers, not calls.',
'SELECT module, pass, round(dur / 1e6, 3) ms, round(gflops, 2) gflops, round(gbps, 2) gb_s
FROM v_span WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND last_id = id
ORDER BY dur DESC LIMIT :n',
'{"n": 10, "run": 0}'),

('Time and memory', 'slow-layers', 'Which layers are slowest?',
'ms is the time of ops, as in the query time, norms included; percent is of the ms of all layers.',
'WITH took AS MATERIALIZED (SELECT pass, layer, part, avg(ns) ns FROM (SELECT pass, layer, part, ns, count(*) OVER (PARTITION BY pass, layer, part) - 1 n,
    row_number() OVER (PARTITION BY pass, layer, part ORDER BY ns) - 1 i FROM v_timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase))
  WHERE abs(2 * i - n) < 2 GROUP BY pass, layer, part
  UNION ALL SELECT pass, layer, part, 1.0 * sum(ns) FROM own_time WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) AND :phase IN (''all'', phase)
  AND NOT EXISTS (SELECT 1 FROM timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))) GROUP BY pass, layer, part)
SELECT layer, round(sum(ns) FILTER (WHERE part = ''attention'') / 1e6, 3) attention_ms,
  round(sum(ns) FILTER (WHERE part = ''mlp'') / 1e6, 3) mlp_ms, round(sum(ns) / 1e6, 3) ms,
  CAST(printf(''%.4g'', 100.0 * sum(ns) / sum(sum(ns)) OVER ()) AS REAL) percent
FROM took WHERE layer NOT NULL GROUP BY layer ORDER BY sum(ns) DESC LIMIT :n',
'{"n": 10, "phase": "all", "run": 0}'),

('Time and memory', 'passes', 'How fast was each pass?',
'ms is the time of ops, as in the query time. The prefill reads many tokens at once, which is why it has more tokens a second.',
'WITH took AS MATERIALIZED (SELECT pass, layer, part, avg(ns) ns FROM (SELECT pass, layer, part, ns, count(*) OVER (PARTITION BY pass, layer, part) - 1 n,
    row_number() OVER (PARTITION BY pass, layer, part ORDER BY ns) - 1 i FROM v_timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
  WHERE abs(2 * i - n) < 2 GROUP BY pass, layer, part
  UNION ALL SELECT pass, layer, part, 1.0 * sum(ns) FROM own_time WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))
  AND NOT EXISTS (SELECT 1 FROM timing WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))) GROUP BY pass, layer, part),
whole AS MATERIALIZED (SELECT pass, sum(ns) ns FROM took GROUP BY pass)
SELECT s.pass, s.phase, p.pos0 first_position, p.n_tok tokens, round(t.ns / 1e6, 3) ms,
  iif(1e5 * p.n_tok > t.ns, CAST(round(1e9 * p.n_tok / t.ns) AS INT), round(1e9 * p.n_tok / t.ns, 1)) tokens_a_second, round(s.flops / t.ns, 2) gflops, round(s.bytes / t.ns, 2) gb_s
FROM v_span s JOIN pass p ON p.run_id = s.run_id AND p.idx = s.pass JOIN whole t ON t.pass = s.pass
WHERE s.depth = 0 AND t.ns > 0 AND s.run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY s.pass LIMIT :n',
'{"n": 20, "run": 0}'),

('Time and memory', 'cost', 'How much arithmetic and memory does each kind of module take?',
'Each kind without the modules inside it, from shapes: what must be computed and moved at least.',
'WITH s AS (SELECT * FROM v_span WHERE :phase IN (''all'', phase) AND run_id = iif(:run, :run, (SELECT max(id) FROM run))),
own AS (
  SELECT type, flops - (SELECT coalesce(sum(c.flops), 0) FROM v_span c
      WHERE c.id > s.id AND c.id <= s.last_id AND c.depth = s.depth + 1) flops,
    bytes - (SELECT coalesce(sum(c.bytes), 0) FROM v_span c
      WHERE c.id > s.id AND c.id <= s.last_id AND c.depth = s.depth + 1) bytes FROM s)
SELECT type, count(*) calls, sum(flops) flops, CAST(printf(''%.4g'', 100.0 * sum(flops) / (SELECT sum(flops) FROM own)) AS REAL) flops_percent,
  sum(bytes) bytes, CAST(printf(''%.4g'', 100.0 * sum(bytes) / (SELECT sum(bytes) FROM own)) AS REAL) bytes_percent,
  round(1.0 * sum(flops) / nullif(sum(bytes), 0), 2) intensity
FROM own GROUP BY type ORDER BY sum(bytes) DESC',
'{"phase": "prefill", "run": 0}'),

('Time and memory', 'cache', 'How does the KV cache grow?',
'Keys and values of all layers, in the type of the cache.',
'SELECT p.idx pass, p.phase, p.n_tok tokens, p.kv_len positions,
  2 * m.n_layers * m.n_kv_heads * m.d_head * d.bits / 8 bytes_a_position,
  p.kv_len * 2 * m.n_layers * m.n_kv_heads * m.d_head * d.bits / 8 bytes
FROM pass p JOIN run r ON r.id = p.run_id JOIN model m ON m.id = r.model_id
  JOIN dtype d ON d.id = r.dtype_kv
WHERE p.idx NOT NULL AND p.run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY p.idx LIMIT :n',
'{"n": 20, "run": 0}'),

-- ---- faults and changes --------------------------------------------------------------------
('Faults and changes', 'first-bad', 'Where does NaN first appear, or infinity?',
'In the order of execution. No rows: there is none. Masked scores hold -infinity on purpose and do not count.',
'SELECT fqn, pass, phase, shape, n_nan, n_inf, numel
FROM v_bad WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY +id LIMIT 1',
'{"run": 0}'),

('Faults and changes', 'bad', 'Which values hold NaN or infinity?',
'In the order of execution; masked scores do not count.',
'SELECT fqn, pass, shape, n_nan, n_pinf, n_ninf, numel
FROM v_bad WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY +id LIMIT :n',
'{"n": 20, "run": 0}'),

('Faults and changes', 'edits', 'Which values were changed on purpose?',
'What trace --zero and the like changed; without passes, in all of them.',
'SELECT coalesce(p.fqn, e.weight) fqn, e.sel selection, e.kind, e.args, e.pass_from, e.pass_to
FROM edit e LEFT JOIN point p ON p.id = e.point_id
WHERE e.run_id = iif(:run, :run, (SELECT max(id) FROM run)) ORDER BY e.id',
'{"run": 0}'),

('Faults and changes', 'first-divergence', 'Where does the run first differ from a reference by more than the tolerance?',
'In the order of execution. agree: values before it that are within the tolerance; unknown: whose numbers one of the two did not keep; later: values behind it that are beyond; but: why that may not be the engine''s fault.',
'WITH newest AS (SELECT iif(:run, :run, (SELECT max(id) FROM run)) run),
r AS MATERIALIZED (SELECT run, iif(:reference <> '''', :reference, (SELECT max(id) FROM run WHERE id < newest.run)) a FROM newest),
d AS MATERIALIZED (SELECT t.ord, t.pass, t.fqn, t.problem, t.place, t.element_a, t.element_b, t.within, t.gate, t.models
  FROM r JOIN trace_diff t ON t.a = r.a AND t.b = r.run AND t.times = :times WHERE r.a NOT NULL),
f AS MATERIALIZED (SELECT * FROM d WHERE NOT within AND gate IS NULL ORDER BY ord LIMIT 1),
n AS (SELECT count(*) FILTER (WHERE within AND gate IS NULL AND ord < last) agree,
    count(*) FILTER (WHERE (within IS NULL OR gate NOT NULL) AND ord < last) unknown,
    count(*) FILTER (WHERE NOT within AND gate IS NULL AND ord > last) later,
    coalesce(max(models), (SELECT gate FROM d WHERE gate NOT NULL ORDER BY ord LIMIT 1),
      (SELECT ''reference=FILE.db names the recording of a reference'' FROM r WHERE a IS NULL)) but
  FROM d, (SELECT coalesce((SELECT ord FROM f), 9e18) last))
SELECT coalesce(f.fqn, iif(n.agree, ''no divergence'', ''nothing to compare'')) point, f.pass, f.problem, f.place,
  f.element_a reference, f.element_b here, n.agree, n.unknown, n.later, n.but FROM n LEFT JOIN f',
'{"reference": "", "run": 0, "times": 1}'),

('Faults and changes', 'differ', 'Where do two runs first differ?',
'In the order of execution, by the hash of all bits; what is equal in both has no row. In torchless a or b may be another recording, or one run of it: b=other.db, b=other.db[run=2].',
'WITH newest AS (SELECT iif(:b, :b, (SELECT max(id) FROM run)) b),
pair AS MATERIALIZED (SELECT iif(:a, :a, (SELECT max(id) FROM run WHERE id < b)) a, b FROM newest),
both AS (
  SELECT max(v.id) FILTER (WHERE v.run_id = a) a, max(v.id) FILTER (WHERE v.run_id = b) b, v.role, v.layer,
    max(v.hash) FILTER (WHERE v.run_id = a) = max(v.hash) FILTER (WHERE v.run_id = b) is_same
  FROM pair JOIN v_value v ON v.run_id IN (a, b) GROUP BY v.pass, v.fqn)
SELECT x.pass, x.fqn, x.shape shape_a, y.shape shape_b, x.l2 l2_a, y.l2 l2_b, x.mean mean_a, y.mean mean_b
FROM (SELECT a, b FROM both WHERE NOT is_same ORDER BY b LIMIT :n) d
  JOIN v_value x ON x.id = d.a JOIN v_value y ON y.id = d.b ORDER BY d.b',
'{"a": 0, "b": 0, "n": 10}'),

('Faults and changes', 'same', 'Which values of two runs are equal, bit for bit?',
'By the hash of all bits, counted by role. In torchless a or b may be another recording, or one run of it: b=other.db, b=other.db[run=2].',
'WITH newest AS (SELECT iif(:b, :b, (SELECT max(id) FROM run)) b),
pair AS MATERIALIZED (SELECT iif(:a, :a, (SELECT max(id) FROM run WHERE id < b)) a, b FROM newest),
both AS (
  SELECT max(v.id) FILTER (WHERE v.run_id = a) a, max(v.id) FILTER (WHERE v.run_id = b) b, v.role, v.layer,
    max(v.hash) FILTER (WHERE v.run_id = a) = max(v.hash) FILTER (WHERE v.run_id = b) is_same
  FROM pair JOIN v_value v ON v.run_id IN (a, b) GROUP BY v.pass, v.fqn)
SELECT role, count(*) "values", sum(is_same) equal, sum(NOT is_same) different,
  min(layer) FILTER (WHERE NOT is_same) first_layer_that_differs
FROM both WHERE a NOT NULL AND b NOT NULL GROUP BY role ORDER BY min(b)',
'{"a": 0, "b": 0}'),

-- ---- the recording -------------------------------------------------------------------------
('The recording', 'runs', 'Which runs are in the recording?',
'run is what run=, a= and b= of other questions take; id and line are those of trace --prompts, edits what was changed on purpose. ms is the whole run on the clock, with recording.',
'SELECT r.run_id run, r.id, r.status, r.prompt, r.n_prompt, r.completion, r.n_generated,
  (SELECT group_concat(e.kind || '' '' || coalesce(json_extract(e.args, ''$.source''), coalesce(p.fqn, e.weight) || coalesce(e.sel, '''')), '', '')
    FROM edit e LEFT JOIN point p ON p.id = e.point_id WHERE e.run_id = r.run_id) edits, round(r.dur / 1e6, 1) ms
FROM v_run r ORDER BY r.run_id LIMIT :n',
'{"n": 100}'),

('The recording', 'config', 'What was run, and how?',
'The command is what to type to make the recording again.',
'WITH r AS (SELECT * FROM run WHERE id = iif(:run, :run, (SELECT max(id) FROM run)))
SELECT ''prompt'' fact, prompt value FROM r
UNION ALL SELECT ''status'', status FROM r
UNION ALL SELECT ''model'', m.name || '' ('' || m.arch || '', '' || m.n_layers || '' layers, d_model '' || m.d_model || '', ''
  || m.n_heads || '' heads, '' || m.n_kv_heads || '' kv heads, d_ff '' || m.d_ff || '', '' || m.n_vocab || '' tokens)''
  FROM r JOIN model m ON m.id = r.model_id
UNION ALL SELECT ''types'', ''weights '' || w.name || '', arithmetic '' || c.name || '', cache '' || k.name
  FROM r JOIN dtype w ON w.id = r.dtype_weight JOIN dtype c ON c.id = r.dtype_compute JOIN dtype k ON k.id = r.dtype_kv
UNION ALL SELECT ''weights hash'', coalesce(lower(hex(m.weights_xxh3)), ''not computed'') FROM r JOIN model m ON m.id = r.model_id
UNION ALL SELECT ''sampler'', sampler || coalesce('', seed '' || seed, '''') FROM r
UNION ALL SELECT ''engine'', engine || coalesce('', '' || build, '''') || coalesce('', '' || n_threads || '' threads'', '''') FROM r
UNION ALL SELECT ''machine'', host FROM r
UNION ALL SELECT ''command'', (SELECT group_concat(iif(value = '''' OR value GLOB ''*[^-a-zA-Z0-9_./=:,@%+]*'',
    '''''''' || replace(value, '''''''', ''''''\'''''''''') || '''''''', value), '' '') FROM json_each(r.opts, ''$.argv'')) FROM r',
'{"run": 0}'),

('The recording', 'dumps', 'Which tensors are stored, and how large are they?',
'Without a first_position all positions of the pass are there.',
'SELECT fqn, pass, dtype, shape, dump_from first_position, count(*) chunks, sum(length(data)) bytes
FROM v_payload WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run))
GROUP BY value_id ORDER BY value_id LIMIT :n',
'{"n": 100, "run": 0}'),

('The recording', 'size', 'What takes the room in the recording?',
'The rows add up to the file. Dumps are those of --capture and of the defaults, each stored once; a table is without what stands in rows of its own; an index makes queries fast; SQLite keeps free pages for what is written next.',
'WITH file AS MATERIALIZED (SELECT page_count * page_size bytes, freelist_count * page_size free
  FROM pragma_page_count, pragma_page_size, pragma_freelist_count),
page AS MATERIALIZED (SELECT o.type, o.name, d.pgsize bytes
  FROM (SELECT type, name FROM sqlite_schema WHERE rootpage > 0 UNION ALL SELECT ''table'', ''sqlite_schema'') o
    JOIN dbstat d ON d.name = o.name AND d.aggregate = 1 WHERE o.name <> ''tensor_chunk''),
each AS MATERIALIZED (SELECT pt.role, v.tensor_id, count(v.pos_stats) n, coalesce(sum(length(v.pos_stats)), 0) bytes
  FROM point pt CROSS JOIN value v ON v.point_id = pt.id GROUP BY pt.role, v.tensor_id),
dump AS MATERIALIZED (SELECT role, count(*) n, sum(t.raw_bytes) bytes
  FROM (SELECT tensor_id, min(role) role FROM each WHERE tensor_id NOT NULL GROUP BY tensor_id) first
    JOIN tensor t ON t.id = first.tensor_id GROUP BY role),
part AS (
  SELECT ''dumps of '' || role what, n, bytes FROM dump
  UNION ALL SELECT ''around the dumps'', NULL, file.bytes - free - (SELECT sum(bytes) FROM page) - coalesce((SELECT sum(bytes) FROM dump), 0) FROM file
  UNION ALL SELECT ''statistics of positions'', sum(n), coalesce(sum(bytes), 0) FROM each
  UNION ALL SELECT ''table '' || name, NULL, bytes - iif(name = ''value'', (SELECT coalesce(sum(bytes), 0) FROM each), 0)
    FROM page WHERE type = ''table''
  UNION ALL SELECT ''indexes'', count(*), coalesce(sum(bytes), 0) FROM page WHERE type = ''index''
  UNION ALL SELECT ''free pages'', NULL, free FROM file)
SELECT what, part.n, part.bytes, CAST(printf(''%.4g'', 100.0 * part.bytes / file.bytes) AS REAL) percent
FROM part, file WHERE part.bytes > 0 ORDER BY part.bytes DESC, what',
'{}');

-- What a parameter takes: in words, and as SQL that returns a row, the end of the sentence "pos takes …",
-- when :value is none of it.  :run is that of the query.
INSERT INTO saved_param(name, doc, refuse) VALUES
('run', 'a run of the recording; 0 is the newest',
'SELECT ''a run, '' || iif(high > low, low || '' to '' || high, low) || '', or 0 for the newest''
FROM (SELECT min(id) low, max(id) high FROM run)
WHERE typeof(:value) <> ''integer'' OR (:value <> 0 AND NOT EXISTS (SELECT 1 FROM run WHERE id = :value))'),

('pos', 'a position that was read; -1 is the last of the prompt, -2 the one before it',
'SELECT ''a position that was read, 0 to '' || last || '', or -1 to -'' || n_prompt || '' from the end of the prompt''
FROM (SELECT n_prompt, (SELECT max(pos0 + n_tok) - 1 FROM pass p WHERE p.run_id = r.run_id AND idx NOT NULL) last
  FROM v_run r WHERE run_id = iif(:run, :run, (SELECT max(id) FROM run)))
WHERE typeof(:value) <> ''integer'' OR :value NOT BETWEEN -n_prompt AND last'),

('phase', 'prefill, the prompt, decode, what was generated, or all',
'SELECT ''prefill, decode or all'' WHERE :value NOT IN (''prefill'', ''decode'', ''all'')'),

('layer', 'a layer, from 0',
'SELECT ''a layer, 0 to '' || (m.n_layers - 1) FROM run r JOIN model m ON m.id = r.model_id
WHERE r.id = iif(:run, :run, (SELECT max(id) FROM run))
  AND (typeof(:value) <> ''integer'' OR :value NOT BETWEEN 0 AND m.n_layers - 1)'),

('head', 'an attention head, from 0',
'SELECT ''a head, 0 to '' || (m.n_heads - 1) FROM run r JOIN model m ON m.id = r.model_id
WHERE r.id = iif(:run, :run, (SELECT max(id) FROM run))
  AND (typeof(:value) <> ''integer'' OR :value NOT BETWEEN 0 AND m.n_heads - 1)'),

('token', 'the text of one token, with its space: " Paris"; nothing for the likeliest at the end',
'SELECT ''the text of one token of the vocabulary, with its space'' WHERE :value <> '''' AND tok_id(CAST(:value AS TEXT)) IS NULL'),

('by', 'top_k, top_p or min_p; nothing for all',
'SELECT ''top_k, top_p or min_p, or nothing for all''
WHERE replace(:value, ''-'', ''_'') NOT IN ('''', ''top_k'', ''top_p'', ''min_p'')'),

('a', 'the first of two runs, or the path of another recording; 0 is the one before b, or this one''s newest beside another recording',
'SELECT ''a run, '' || low || '' to '' || high || '', 0 for the one before b, or the path of another recording''
FROM (SELECT min(id) low, max(id) high FROM run)
WHERE typeof(:value) <> ''integer'' OR (:value <> 0 AND NOT EXISTS (SELECT 1 FROM run WHERE id = :value))'),

('b', 'the second of two runs, or the path of another recording; 0 is the newest',
'SELECT ''a run, '' || low || '' to '' || high || '', 0 for the newest, or the path of another recording''
FROM (SELECT min(id) low, max(id) high FROM run)
WHERE typeof(:value) <> ''integer'' OR (:value <> 0 AND NOT EXISTS (SELECT 1 FROM run WHERE id = :value))'),

('reference', 'the path of another recording (its newest run, or FILE[run=2]), or a run of this one; nothing for the one before',
'SELECT ''a run, '' || low || '' to '' || high || '', or the path of another recording''
FROM (SELECT min(id) low, max(id) high FROM run)
WHERE typeof(:value) <> ''text'' AND NOT EXISTS (SELECT 1 FROM run WHERE id = :value)'),

('times', 'how many times the tolerance passes, of amplitudes: 1 for f32, 100 for bf16',
'SELECT ''a number above 0'' WHERE typeof(:value) NOT IN (''integer'', ''real'') OR :value <= 0'),

('n', 'how many rows, or repeats of a token, at most',
'SELECT ''a whole number, 1 or more'' WHERE typeof(:value) <> ''integer'' OR :value < 1'),

('below', 'silent is below this share of the loudest unit',
'SELECT ''a share between 0 and 1'' WHERE typeof(:value) NOT IN (''integer'', ''real'') OR :value NOT BETWEEN 0 AND 1'),

('gflops', '10^9 operations a second that the machine can do; 0 is the best that the run reached',
'SELECT ''10^9 operations a second, or 0 for the best that the run reached''
WHERE typeof(:value) NOT IN (''integer'', ''real'') OR :value < 0'),

('gbps', '10^9 bytes a second that the memory can give; 0 is the best that the run reached',
'SELECT ''10^9 bytes a second, or 0 for the best that the run reached''
WHERE typeof(:value) NOT IN (''integer'', ''real'') OR :value < 0');
