/*
 * dictionary.c -- the rows that give numbers a name: model, part, module, point and point_alias.
 *
 * Names stand in the recording once; spans and values refer to them by number.  Every name by
 * which a point can be asked for is there: its own, aliases, the short form, and what
 * TransformerLens and ggml call it.
 */
#include "writer.h"

#include "torchless/part.h"

#include <stdio.h>
#include <stdlib.h>

#define MODEL_ID 1

static void bind_hash(struct stmt *s, const char *name, const uint8_t *hash)
{
	stmt_blob(s, name, hash, hash ? 16 : 0);
}

static int insert_model(struct trace_writer *w, const struct trace_model *m, struct err *err)
{
	struct stmt s = { 0 };

	if (stmt_ready(
		    &w->db, &s,
		    "INSERT INTO model(id, name, arch, file, file_bytes, weights_xxh3, "
		    "tokenizer_xxh3, n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff, "
		    "n_vocab, rope_theta, rope_layout, sliding_window, config) "
		    "VALUES(:id, :name, :arch, :file, :file_bytes, :weights, :tokenizer, :layers, "
		    ":d_model, :heads, :kv_heads, :d_head, :d_ff, :vocab, :theta, 'half', nullif(:window, 0), :config)",
		    err))
		return err->code;
	stmt_int(&s, ":id", MODEL_ID);
	stmt_text(&s, ":name", m->name);
	stmt_text(&s, ":arch", m->arch);
	stmt_text(&s, ":file", m->file);
	stmt_int(&s, ":file_bytes", m->file_bytes);
	bind_hash(&s, ":weights", m->weights_hash);
	bind_hash(&s, ":tokenizer", m->tokenizer_hash);
	stmt_int(&s, ":layers", m->n_layers);
	stmt_int(&s, ":d_model", m->d_model);
	stmt_int(&s, ":heads", m->n_heads);
	stmt_int(&s, ":kv_heads", m->n_kv_heads);
	stmt_int(&s, ":d_head", m->head_dim);
	stmt_int(&s, ":d_ff", m->d_ff);
	stmt_int(&s, ":vocab", m->n_vocab);
	stmt_real(&s, ":theta", m->rope_theta);
	stmt_int(&s, ":window", m->window);
	stmt_text(&s, ":config", m->config_json ? m->config_json : "{}");
	return stmt_run(&w->db, &s, err);
}

static int insert_parts(struct trace_writer *w, struct err *err)
{
	struct stmt s = { 0 };
	int ret = 0;

	for (int i = 0; i < PART_COUNT && !ret; i++) {
		if (stmt_ready(&w->db, &s,
			       "INSERT INTO part(ord, name, modules, doc) "
			       "VALUES(:ord, :name, :modules, :doc)",
			       err))
			return err->code;
		stmt_int(&s, ":ord", i);
		stmt_text(&s, ":name", model_parts[i].name);
		stmt_text(&s, ":modules", model_parts[i].modules);
		stmt_text(&s, ":doc", model_parts[i].doc);
		ret = stmt_run(&w->db, &s, err);
	}
	return ret;
}

static int insert_modules(struct trace_writer *w, struct err *err)
{
	const struct program *p = w->program;
	struct stmt s = { 0 };
	int i, ret = 0;

	for (i = 0; i < p->n_modules && !ret; i++) {
		const struct module *m = &p->modules[i];

		ret = stmt_ready(&w->db, &s,
				 "INSERT INTO module(id, model_id, parent_id, path, type, layer, "
				 "ord, n_params, weight_bytes, part) "
				 "VALUES(:id, :model, nullif(:parent, 0), :path, :type, "
				 "nullif(:layer, -1), :ord, :params, :bytes, :part)",
				 err);
		if (ret)
			break;
		stmt_int(&s, ":id", i + 1);
		stmt_int(&s, ":model", MODEL_ID);
		stmt_int(&s, ":parent", m->parent + 1);
		stmt_text(&s, ":path", m->path);
		stmt_text(&s, ":type", m->type);
		stmt_int(&s, ":layer", m->layer);
		stmt_int(&s, ":ord", i);
		stmt_int(&s, ":params", m->n_params);
		stmt_int(&s, ":bytes", m->weight_bytes);
		stmt_text(&s, ":part", model_parts[model_part_of(m->path)].name);
		ret = stmt_run(&w->db, &s, err);
	}
	return ret;
}

static int insert_point(struct trace_writer *w, struct stmt *s, value_id v, int ord,
			struct err *err)
{
	const struct value *value = &w->program->values[v];
	const struct point_info *info = value->point;
	char tl[128], ggml[128], hf[128];

	if (stmt_ready(
		    &w->db, s,
		    "INSERT INTO point(id, module_id, name, fqn, layer, ord, axes, role, "
		    "tl_name, ggml_name, hf_source, doc) "
		    "VALUES(:id, :module, :name, :fqn, nullif(:layer, -1), :ord, :axes, :role, :tl, :ggml, :hf, :doc)",
		    err))
		return err->code;
	stmt_int(s, ":id", w->point_ids[v]);
	stmt_int(s, ":module", w->program->ops[value->op].module + 1);
	stmt_text(s, ":name", info->name);
	stmt_text(s, ":fqn", value->name);
	stmt_int(s, ":layer", value->layer);
	stmt_int(s, ":ord", ord);
	stmt_text(s, ":axes", info->axes);
	stmt_text(s, ":role", info->role);
	stmt_text(s, ":tl", point_format_name(info->tl_name, value->layer, tl, sizeof(tl)));
	stmt_text(s, ":ggml", point_format_name(info->ggml_name, value->layer, ggml, sizeof(ggml)));
	stmt_text(s, ":hf", point_hf_source(w->program, value, hf, sizeof(hf)));
	stmt_text(s, ":doc", info->doc);
	return stmt_run(&w->db, s, err);
}

/*
 * What to do with each point, in the order their ops write them, which is the order of a value's
 * rows.  Its row's id is known then.
 */
static int each_point(struct trace_writer *w,
		      int (*visit)(struct trace_writer *w, struct stmt *s, value_id v, int ord,
				   struct err *err),
		      struct err *err)
{
	const struct program *p = w->program;
	struct stmt s = { 0 };
	int i, o, ord = 0, ret = 0;

	for (i = 0; i < p->n_ops; i++) {
		for (o = 0; o < p->ops[i].n_out && !ret; o++) {
			value_id v = p->ops[i].out[o];

			if (!p->values[v].point)
				continue;
			w->point_ids[v] = ord + 1;
			ret = visit(w, &s, v, ord++, err);
		}
	}
	sqlite3_finalize(s.handle); /* a SELECT that is left in the middle is a lock */
	return ret;
}

static int insert_alias(struct trace_writer *w, struct stmt *s, const char *alias, value_id v,
			struct err *err)
{
	if (!alias || !w->point_ids[v])
		return 0;
	if (stmt_ready(&w->db, s,
		       "INSERT OR IGNORE INTO point_alias(alias, point_id) VALUES(:alias, :point)",
		       err))
		return err->code;
	stmt_text(s, ":alias", alias);
	stmt_int(s, ":point", w->point_ids[v]);
	return stmt_run(&w->db, s, err);
}

static int insert_aliases(struct trace_writer *w, struct err *err)
{
	const struct program *p = w->program;
	struct stmt s = { 0 };
	char name[256];
	int i, ret = 0;

	for (i = 0; i < p->n_values && !ret; i++) {
		if (p->values[i].point)
			ret = insert_alias(
				w, &s, point_short_name(&p->values[i], name, sizeof(name)), i, err);
	}
	for (i = 0; i < p->n_aliases && !ret; i++) {
		const struct alias *a = &p->aliases[i];

		ret = insert_alias(w, &s, a->name, a->value, err);
		if (!ret && a->point)
			ret = insert_alias(
				w, &s,
				point_format_name(a->point->tl_name, a->layer, name, sizeof(name)),
				a->value, err);
	}
	return ret;
}

int writer_dictionary(struct trace_writer *w, const struct trace_model *m, struct err *err)
{
	if (insert_model(w, m, err) || insert_parts(w, err) || insert_modules(w, err) ||
	    each_point(w, insert_point, err) || insert_aliases(w, err))
		return err->code;
	return 0;
}

/* ---- a file that is continued -------------------------------------------------------------- */

static int other_model(struct trace_writer *w, const char *what, const char *name, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "%s was recorded with %s of %s: it can be continued with the same only",
		       w->db.path, what, name);
}

static int check_model(struct trace_writer *w, const struct trace_model *m, struct err *err)
{
	static const char *const parts[] = { "the weights", "the tokenizer", "the config.json" };
	struct stmt s = { 0 };
	const char *name;
	int i, ret;

	if (stmt_ready(&w->db, &s,
		       "SELECT weights_xxh3 IS :weights, tokenizer_xxh3 IS :tokenizer, "
		       "config IS :config, coalesce(file, name) FROM model WHERE id = :id",
		       err))
		return err->code;
	bind_hash(&s, ":weights", m->weights_hash);
	bind_hash(&s, ":tokenizer", m->tokenizer_hash);
	stmt_text(&s, ":config", m->config_json ? m->config_json : "{}");
	stmt_int(&s, ":id", MODEL_ID);
	ret = stmt_step(&w->db, &s, err);
	name = ret > 0 ? (const char *)sqlite3_column_text(s.handle, 3) : NULL;
	if (ret == 0)
		ret = err_set(err, ERR_FORMAT, "%s names no model", w->db.path);
	for (i = 0; i < 3 && ret > 0; i++)
		if (!sqlite3_column_int(s.handle, i))
			ret = other_model(w, parts[i], name ? name : "another model", err);
	sqlite3_finalize(s.handle);
	return ret < 0 ? ret : 0;
}

static int check_point(struct trace_writer *w, struct stmt *s, value_id v, int ord, struct err *err)
{
	int ret;

	(void)ord;
	if (stmt_ready(&w->db, s, "SELECT 1 FROM point WHERE id = :id AND fqn = :fqn", err))
		return err->code;
	stmt_int(s, ":id", w->point_ids[v]);
	stmt_text(s, ":fqn", w->program->values[v].name);
	ret = stmt_step(&w->db, s, err);
	if (ret == 0)
		return err_set(err, ERR_USAGE,
			       "%s was recorded by a torchless with other points: it has no %s",
			       w->db.path, w->program->values[v].name);
	return ret < 0 ? ret : 0;
}

int writer_check_dictionary(struct trace_writer *w, const struct trace_model *m, struct err *err)
{
	if (check_model(w, m, err))
		return err->code;
	return each_point(w, check_point, err);
}
