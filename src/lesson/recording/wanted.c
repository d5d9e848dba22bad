/*
 * wanted.c -- what a section of checks.conf asks for, and the key of all that decides how its
 * recording turns out: the section, the model, the bug, this very program.
 */
#include "wanted.h"

#include "../variants/variants.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define RULES "1" /* another when the same section would make another recording */

const char *wanted_value(const struct wanted *w, const char *key, const char *otherwise)
{
	const char *value = section_value(w->conf, key);

	return value ? value : otherwise;
}

bool wanted_says_yes(const struct wanted *w, const char *key)
{
	return !strcmp(wanted_value(w, key, "no"), "yes");
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

void wanted_add_program(const struct classroom *room, struct text *key)
{
	struct stat st;

	if (room->program && stat(room->program, &st) == 0)
		text_addf(key, "program=%lld %lld.%09ld\n", (long long)st.st_size,
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

const char *wanted_capture(const struct wanted *w)
{
	static const char *const keys[] = { "bug", "bugs", "variant", "window" };
	bool is_compared = false;
	int at = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		is_compared |= section_value(w->conf, keys[i]) != NULL;
	is_compared |= section_next(w->conf, "config.", &at) != NULL;
	return wanted_value(w, "capture", is_compared ? "*" : "");
}

static int find_key(struct wanted *w, struct err *err)
{
	text_addf(&w->key, RULES "\nbug=%s\nkernels=%s\ncapture=%s\n", w->bug ? w->bug->name : "",
		  w->room->kernels->bits, wanted_capture(w));
	for (size_t i = 0; i < sizeof(deciding) / sizeof(*deciding); i++)
		text_addf(&w->key, "%s=%s\n", deciding[i], wanted_value(w, deciding[i], ""));
	wanted_add_program(w->room, &w->key);
	if (add_model(w, err))
		return err->code;
	snprintf(w->name, sizeof(w->name), "%016llx",
		 (unsigned long long)XXH3_64bits(w->key.data, w->key.len));
	return 0;
}

int wanted_find(struct wanted *w, bool healthy, struct err *err)
{
	if (!healthy && bug_of_section(w->conf, w->room->seed, &w->bug, err))
		return err->code;
	if (find_model(w, healthy, err))
		return err->code;
	return find_key(w, err);
}

void wanted_release(struct wanted *w)
{
	text_release(&w->model);
	text_release(&w->key);
}
