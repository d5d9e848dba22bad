/*
 * tokens.c -- the tokens of a run, and the candidates each was picked from.
 */
#include "writer.h"

#include <math.h>

static const char *const source_names[] = { "bos", "prompt", "generated", "forced" };

/* The bytes a token stands for; none with --redact. */
static void bind_piece(struct trace_writer *w, struct stmt *s, int32_t id)
{
	struct bytes piece;

	if (w->redact || !w->model.piece)
		return;
	piece = w->model.piece(w->model.ctx, id);
	stmt_blob(s, ":piece", piece.data ? piece.data : "", piece.len);
}

int trace_writer_token(struct trace_writer *w, int64_t pos, int32_t id, int64_t start, int64_t end,
		       enum token_source source, struct err *err)
{
	struct stmt *s = &w->sql.token;

	if (writer_begin(w, err) ||
	    stmt_ready(
		    &w->db, s,
		    "INSERT OR REPLACE INTO token(run_id, pos, token_id, piece, byte_start, "
		    "byte_end, source) VALUES(:run, :pos, :id, :piece, nullif(:start, -1), nullif(:end, -1), :source)",
		    err))
		return writer_result(w, err->code, err);
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":pos", pos);
	stmt_int(s, ":id", id);
	bind_piece(w, s, id);
	stmt_int(s, ":start", start);
	stmt_int(s, ":end", end);
	stmt_text(s, ":source", source_names[source]);
	if ((source == TOKEN_BOS || source == TOKEN_PROMPT) && pos >= w->n_prompt)
		w->n_prompt = pos + 1;
	return writer_result(w, stmt_run(&w->db, s, err), err);
}

int trace_writer_token_scored(struct trace_writer *w, int64_t pos, double logprob, int64_t rank,
			      double entropy, struct err *err)
{
	struct stmt *s = &w->sql.scored;

	if (writer_begin(w, err) ||
	    stmt_ready(&w->db, s,
		       "UPDATE token SET logprob = :logprob, rank = nullif(:rank, -1), "
		       "entropy = :entropy WHERE run_id = :run AND pos = :pos",
		       err))
		return writer_result(w, err->code, err);
	stmt_real(s, ":logprob", logprob);
	stmt_int(s, ":rank", rank);
	stmt_real(s, ":entropy", entropy);
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":pos", pos);
	return writer_result(w, stmt_run(&w->db, s, err), err);
}

static int insert_candidate(struct trace_writer *w, int64_t pos, int64_t rank,
			    const struct trace_candidate *c, struct err *err)
{
	struct stmt *s = &w->sql.cand;

	if (stmt_ready(
		    &w->db, s,
		    "INSERT INTO cand(run_id, pos, rank, token_id, piece, logit, logprob, kept, "
		    "cut_by) VALUES(:run, :pos, :rank, :id, :piece, :logit, :logprob, :cut_by IS NULL, :cut_by)",
		    err))
		return err->code;
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":pos", pos);
	stmt_int(s, ":rank", rank);
	stmt_int(s, ":id", c->id);
	bind_piece(w, s, c->id);
	stmt_real(s, ":logit", (double)c->logit);
	stmt_real(s, ":logprob", (double)c->logprob);
	stmt_text(s, ":cut_by", c->cut_by);
	return stmt_run(&w->db, s, err);
}

/* NaN has no place among numbers that queries order by. */
static bool is_comparable(const struct trace_candidate *c)
{
	return !isnan(c->logit) && !isnan(c->logprob);
}

int trace_writer_candidates(struct trace_writer *w, int64_t pos, const struct trace_candidate *c,
			    int64_t n, struct err *err)
{
	struct stmt *s = &w->sql.cand_clear;
	int64_t i, rank = 0;

	if (writer_begin(w, err) ||
	    stmt_ready(&w->db, s, "DELETE FROM cand WHERE run_id = :run AND pos = :pos", err))
		return writer_result(w, err->code, err);
	stmt_int(s, ":run", w->run_id);
	stmt_int(s, ":pos", pos);
	if (stmt_run(&w->db, s, err))
		return writer_result(w, err->code, err);
	for (i = 0; i < n; i++) {
		if (is_comparable(&c[i]) && insert_candidate(w, pos, rank++, &c[i], err))
			return writer_result(w, err->code, err);
	}
	return 0;
}

int tokens_take_back(struct trace_writer *w, int64_t pos, int64_t cand, int64_t scored,
		     struct err *err)
{
	struct text sql = { 0 };
	int ret;

	text_addf(
		&sql,
		"DELETE FROM token WHERE run_id = %lld AND pos >= %lld AND source IN ('generated', 'forced');",
		(long long)w->run_id, (long long)pos);
	text_addf(&sql, "DELETE FROM cand WHERE run_id = %lld AND pos >= %lld;",
		  (long long)w->run_id, (long long)cand);
	text_addf(&sql,
		  "UPDATE token SET logprob = NULL, rank = NULL, entropy = NULL "
		  "WHERE run_id = %lld AND pos >= %lld AND source IN ('bos', 'prompt')",
		  (long long)w->run_id, (long long)scored);
	ret = writer_begin(w, err) ? err->code : db_exec(&w->db, sql.data, err);
	text_release(&sql);
	return ret;
}
