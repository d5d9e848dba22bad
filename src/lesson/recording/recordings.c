/*
 * recordings.c -- a recording as a section of checks.conf asks for it, made in the cache.
 *
 * Its name is a hash of what makes it (the section, the model, the bug, this very program) and a
 * hash of what it holds: a file that is damaged is not the one that was asked for, and is made
 * again. It is written aside and renamed, so that there is never half of one.
 */
#include "recordings.h"

#include "../cache/cache.h"
#include "../variants/variants.h"
#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/record_runs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define RULES     "1" /* another when the same section would make another recording */
#define MAX_BYTES ((size_t)512 << 20)
#define MAX_WORDS 64

/* What a section asks for. */
struct wanted {
	const struct classroom *room;
	const struct course_section *conf;
	const struct bug *bug;
	struct text model; /* its folder */
	struct text key;   /* what makes it */
	char name[17];     /* that, hashed */
};

static const char *value_of(const struct wanted *w, const char *key, const char *otherwise)
{
	const char *value = section_value(w->conf, key);

	return value ? value : otherwise;
}

static bool says_yes(const struct wanted *w, const char *key)
{
	return !strcmp(value_of(w, key, "no"), "yes");
}

/* ---- which model ---------------------------------------------------------------------------- */

int model_of_section(const struct classroom *room, const struct course_section *s,
		     struct text *path, struct err *err)
{
	const char *on = section_value(s, "on");

	if (!on)
		return variant_of_section(room, s, path, err);
	text_clear(path);
	if (strcmp(on, "smollm2") != 0)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] is on '%s'; it can be smollm2",
			       s->name, on);
	if (!room->smollm2)
		return err_set(
			err, ERR_TOOL,
			"[%s] is a recording of SmolLM2, which is not here: `scripts/fetch-smollm2` fetches it",
			s->name);
	text_adds(path, room->smollm2);
	return 0;
}

static int find_model(struct wanted *w, bool healthy, struct err *err)
{
	if (!healthy || section_value(w->conf, "on"))
		return model_of_section(w->room, w->conf, &w->model, err);
	text_adds(&w->model, w->room->model);
	return 0;
}

/* ---- what makes it -------------------------------------------------------------------------- */

/* In the order of no file: a section that says the same otherwise makes the same. */
static const char *const deciding[] = { "prompt",  "prompts", "ids",  "n",     "zero",
					"chunk",   "seed",    "temp", "top_p", "logits",
					"kernels", "lens",    "ring" };

static void add_program(struct wanted *w)
{
	struct stat st;

	if (w->room->program && stat(w->room->program, &st) == 0)
		text_addf(&w->key, "program=%lld %lld.%09ld\n", (long long)st.st_size,
			  (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static int add_model(struct wanted *w, struct err *err)
{
	struct checkpoint ck;
	uint8_t hash[16];
	int result;

	if (checkpoint_open(&ck, w->model.data, CHECKPOINT_ALL, err))
		return err->code;
	result = checkpoint_hash(&ck, w->room->pool, hash, err);
	if (result == 0) {
		text_add(&w->key, hash, sizeof(hash));
		checkpoint_tokenizer_hash(&ck, hash);
		text_add(&w->key, hash, sizeof(hash));
		text_adds(&w->key, ck.config_json);
	}
	checkpoint_close(&ck);
	return result;
}

/* What is held against another recording keeps everything. */
static const char *capture_of(const struct wanted *w)
{
	static const char *const keys[] = { "bug", "bugs", "variant", "window" };
	bool is_compared = false;
	int at = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		is_compared |= section_value(w->conf, keys[i]) != NULL;
	is_compared |= section_next(w->conf, "config.", &at) != NULL;
	return value_of(w, "capture", is_compared ? "*" : "");
}

static int find_key(struct wanted *w, struct err *err)
{
	text_addf(&w->key, RULES "\nbug=%s\nkernels=%s\ncapture=%s\n", w->bug ? w->bug->name : "",
		  w->room->kernels->isa, capture_of(w));
	for (size_t i = 0; i < sizeof(deciding) / sizeof(*deciding); i++)
		text_addf(&w->key, "%s=%s\n", deciding[i], value_of(w, deciding[i], ""));
	add_program(w);
	if (add_model(w, err))
		return err->code;
	snprintf(w->name, sizeof(w->name), "%016llx",
		 (unsigned long long)XXH3_64bits(w->key.data, w->key.len));
	return 0;
}

static int find_wanted(struct wanted *w, bool healthy, struct err *err)
{
	if (!healthy && bug_of_section(w->conf, w->room->seed, &w->bug, err))
		return err->code;
	if (find_model(w, healthy, err))
		return err->code;
	return find_key(w, err);
}

static void wanted_release(struct wanted *w)
{
	text_release(&w->model);
	text_release(&w->key);
}

/* ---- the prompts, as a file of JSON lines --------------------------------------------------- */

static void add_ids(const char *ids, struct text *json)
{
	text_addc(json, '[');
	for (const char *at = ids + strspn(ids, " \n"); *at; at += strspn(at, " \n")) {
		size_t n = strcspn(at, " \n");

		text_adds(json, json->data[json->len - 1] == '[' ? "" : ", ");
		text_add(json, at, n);
		at += n;
	}
	text_addc(json, ']');
}

/* Zero what is added to the stream from layer `from` on. */
static void add_silence(const struct config *c, int64_t from, struct text *json)
{
	text_adds(json, ", \"zero\": [");
	for (int64_t l = from; l < c->n_layers; l++)
		text_addf(
			json,
			"%s\"model.layers.%lld.self_attn.o_proj:out\", \"model.layers.%lld.mlp.down_proj:out\"",
			l > from ? ", " : "", (long long)l, (long long)l);
	text_addc(json, ']');
}

/* One prompt is a line; of a lens a line for every state of the stream. */
static void add_lines(const struct wanted *w, const struct model *m, const char *prompt,
		      struct text *json)
{
	int64_t n = says_yes(w, "lens") ? m->config->n_layers : 0;

	for (int64_t l = 0; l <= n; l++) {
		text_adds(json, prompt);
		if (n)
			add_silence(m->config, l, json);
		text_adds(json, "}\n");
	}
}

static int add_prompt(const struct wanted *w, const struct model *m, const char *text,
		      struct text *json, struct err *err)
{
	struct text line = { 0 };
	int result = 0;

	if (w->bug && w->bug->kind == BUG_TOKENIZER) {
		text_adds(&line, "{\"ids\": ");
		result = bug_tokenize(m, w->bug, text, &line, err);
	} else {
		text_adds(&line, "{\"prompt\": ");
		text_add_json(&line, text, strlen(text));
	}
	if (result == 0)
		add_lines(w, m, line.data, json);
	text_release(&line);
	return result;
}

static int add_prompts(const struct wanted *w, const struct model *m, struct text *json,
		       struct err *err)
{
	const char *ids = value_of(w, "ids", NULL);
	const char *texts = value_of(w, "prompts", value_of(w, "prompt", NULL));
	int result = 0;

	if (ids) {
		struct text t = { 0 };

		text_adds(&t, "{\"ids\": ");
		add_ids(ids, &t);
		add_lines(w, m, t.data, json);
		text_release(&t);
		return 0;
	}
	if (!texts)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has no prompt", w->conf->name);
	if (!section_value(w->conf, "prompts"))
		return add_prompt(w, m, texts, json, err);
	for (const char *at = texts; *at && result == 0; at += *at == '\n') {
		size_t n = strcspn(at, "\n");
		char *line = mem_memdup(at, n);

		/* A line of a file of prompts stands as it is. */
		if (*line == '{')
			text_addf(json, "%s\n", line);
		else if (n)
			result = add_prompt(w, m, line, json, err);
		free(line);
		at += n;
	}
	return result;
}

/* ---- recording ------------------------------------------------------------------------------ */

struct making {
	const struct wanted *wanted;
	struct model model;
	struct planted planted;
	struct recorder recorder;
	struct record_runs runs;
	struct prompt_list prompts;
	char *words; /* of lists */
	const char *capture[MAX_WORDS], *zero[MAX_WORDS];
	const char *aside; /* the file while it is written */
};

static void tell_progress(void *ctx, const struct record_progress *p)
{
	const struct classroom *room = ctx;

	if (room->progress && p->work > 0)
		room->progress(room->progress_ctx, "making a recording",
			       (double)p->work_done / (double)p->work);
}

/* The words of a list, which become m->words. */
static int split(struct making *m, const char *list, const char **words)
{
	char *rest, *word;
	int n = 0;

	free(m->words);
	rest = m->words = mem_strdup(list);
	while (n < MAX_WORDS && (word = strtok_r(rest, " \n", &rest)))
		words[n++] = mem_strdup(word);
	return n;
}

static void free_words(const char **words)
{
	for (int i = 0; i < MAX_WORDS && words[i]; i++)
		free((char *)words[i]);
}

static struct session_options session_options(const struct making *m)
{
	const struct wanted *w = m->wanted;

	return (struct session_options){
		.executor = { .kernels = &m->planted.kernels,
			      .pool = w->room->pool,
			      .plan = PLAN_RUN,
			      .chunk = atoll(value_of(w, "chunk", "512")) },
		.sampler = { .temp = (float)atof(value_of(w, "temp", "0")),
			     .top_p = (float)atof(value_of(w, "top_p", "1")),
			     .seed = (uint64_t)atoll(value_of(w, "seed", "1")) },
		.n = atoll(value_of(w, "n", "0")),
		.all_logits = !strcmp(value_of(w, "logits", "last"), "all") || says_yes(w, "lens"),
	};
}

static struct record_options record_options(struct making *m)
{
	const struct wanted *w = m->wanted;
	struct record_options o = {
		.generation = { .session = session_options(m),
				.caller = { .interrupted = w->room->interrupted } },
		.path = m->aside,
		.capture = m->capture,
		.zero = m->zero,
		.engine = "torchless",
		.progress = tell_progress,
		.progress_ctx = (void *)w->room,
	};

	o.n_capture = split(m, capture_of(w), m->capture);
	o.n_zero = split(m, value_of(w, "zero", ""), m->zero);
	return o;
}

/* A lens that divides by the rms of the last layer has to have seen it. */
static int learn_rms(struct making *m, struct err *err)
{
	struct planted *p = &m->planted;
	struct generation *g = &m->recorder.generation;
	int status;

	if (!p->bug || strcmp(p->bug->name, "lens_cached_norm") != 0)
		return 0;
	if (recorder_set_line(&m->recorder, &m->prompts.items[m->prompts.n - 1], err))
		return err->code;
	p->n_rms = g->session.n_prompt + g->session.opt.n;
	p->rms = mem_calloc((size_t)p->n_rms, sizeof(*p->rms));
	p->learns = true;
	while ((status = generation_advance(g, err)) == SESSION_TOKEN)
		;
	p->learns = false;
	return status < 0 ? status : 0;
}

static int read_prompts(struct making *m, struct err *err)
{
	struct text json = { 0 };
	int result = add_prompts(m->wanted, &m->model, &json, err);

	if (result == 0)
		result = prompts_parse(&m->prompts, m->wanted->conf->name,
				       (struct bytes){ json.data, json.len }, NULL, err);
	text_release(&json);
	return result;
}

/* The edits of a bug stand in every run. */
static int plant(struct making *m, struct err *err)
{
	struct session *s = &m->recorder.generation.session;
	int n = s->executor.n_edits, result = bug_plant_session(&m->planted, s, err);

	m->recorder.n_standing_edits += s->executor.n_edits - n;
	return result;
}

static int record(struct making *m, struct err *err)
{
	const struct wanted *w = m->wanted;
	const char *isa = value_of(w, "kernels", NULL);
	const struct kernels *kernels = isa ? kernels_select(isa) : w->room->kernels;
	struct record_options o;
	int result;

	if (!kernels)
		return err_set(err, ERR_TOOL, "this processor has no kernels '%s'", isa);
	if (model_open(&m->model, w->model.data, CHECKPOINT_ALL, err))
		return err->code;
	bug_plant(&m->planted, w->bug, &m->model, kernels);
	o = record_options(m);
	if (recorder_open(&m->recorder, &m->model, &o, err) || plant(m, err) ||
	    read_prompts(m, err) || learn_rms(m, err) ||
	    record_runs_check(&m->runs, &m->recorder, &m->prompts, err) ||
	    record_runs_open(&m->runs, false, err))
		return err->code;
	result = record_runs_run(&m->runs, err);
	return record_runs_close(&m->runs, result, err);
}

static void making_release(struct making *m)
{
	record_runs_release(&m->runs);
	recorder_release(&m->recorder);
	prompts_release(&m->prompts);
	planted_release(&m->planted);
	model_close(&m->model);
	free_words(m->capture);
	free_words(m->zero);
	free(m->words);
}

/* ---- its file ------------------------------------------------------------------------------- */

static void remove_aside(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	struct text t = { 0 };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		text_clear(&t);
		text_addf(&t, "%s%s", path, ends[i]);
		unlink(t.data);
	}
	text_release(&t);
}

static bool hash_file(const char *path, char hash[17])
{
	struct text bytes = { 0 };
	struct err ignored = { 0 };
	bool ok = text_read_regular(&bytes, path, MAX_BYTES, &ignored) == 0 && bytes.len > 0;

	if (ok)
		snprintf(hash, 17, "%016llx",
			 (unsigned long long)XXH3_64bits(bytes.data, bytes.len));
	text_release(&bytes);
	return ok;
}

/* Whether a file NAME.HASH.db is what its name says. */
static bool is_whole(const char *path, const char *name)
{
	char hash[17], said[32];

	if (!hash_file(path, hash))
		return false;
	snprintf(said, sizeof(said), ".%s.db", hash);
	return !strcmp(name + 16, said);
}

/* One that is there; one that is damaged is removed. */
static bool find_file(const struct wanted *w, const char *folder, struct text *path)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);

		if (n != 36 || strncmp(e->d_name, w->name, 16) != 0)
			continue;
		text_clear(path);
		text_addf(path, "%s/%s", folder, e->d_name);
		found = is_whole(path->data, e->d_name);
		if (found)
			cache_use(path->data);
		else
			unlink(path->data);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int name_file(const struct wanted *w, const char *folder, const char *aside,
		     struct text *path, struct err *err)
{
	char hash[17];

	if (!hash_file(aside, hash))
		return err_set(err, ERR_IO, "cannot read %s, which was just written", aside);
	text_clear(path);
	text_addf(path, "%s/%s.%s.db", folder, w->name, hash);
	if (rename(aside, path->data) == 0)
		return 0;
	return err_set(err, err_of_errno(errno), "cannot name %s: %s", path->data, strerror(errno));
}

static int make(const struct wanted *w, const char *folder, struct text *path, struct err *err)
{
	struct making m = { .wanted = w };
	struct text aside = { 0 };
	int result;

	cache_sweep(folder);
	cache_aside(folder, w->name, &aside);
	remove_aside(aside.data);
	m.aside = aside.data;
	result = record(&m, err);
	making_release(&m);
	if (result == 0)
		result = name_file(w, folder, aside.data, path, err);
	if (result)
		remove_aside(aside.data);
	/* A file that is gone again, and what could be kept of it, are nobody's concern. */
	if (result == ERR_IO && strstr(err->message, "the disk is full"))
		err_set(err, ERR_IO, "there is no room for a recording in %s: the disk is full",
			folder);
	text_release(&aside);
	return result;
}

int recording_of_section(const struct classroom *room, const struct course_section *s, bool healthy,
			 struct text *path, struct err *err)
{
	struct wanted w = { .room = room, .conf = s };
	struct text folder = { 0 };
	int result = find_wanted(&w, healthy, err);

	if (result == 0)
		result = cache_folder(room, "recordings", &folder, err);
	if (result == 0 && !find_file(&w, folder.data, path))
		result = make(&w, folder.data, path, err);
	text_release(&folder);
	wanted_release(&w);
	return result;
}

/* ---- by name -------------------------------------------------------------------------------- */

static const struct course_trace *trace_of(const struct lesson *l, const char *name,
					   struct err *err)
{
	const struct course_trace *t = lesson_trace(l, name);

	if (!t)
		err_set(err, ERR_FORMAT, "lesson %s has no recording '%s'", l->number, name);
	return t;
}

int lesson_recording(const struct classroom *room, const struct lesson *l, const char *name,
		     struct text *path, struct err *err)
{
	const struct course_trace *t = trace_of(l, name, err);

	return t ? recording_of_section(room, t->conf, false, path, err) : err->code;
}

int lesson_twin(const struct classroom *room, const struct lesson *l, const char *name,
		struct text *path, struct err *err)
{
	const struct course_trace *t = trace_of(l, name, err);

	return t ? recording_of_section(room, t->conf, true, path, err) : err->code;
}
