/*
 * diff.c -- `torchless lesson diff`: the learner's function in a recording of its own, beside the
 * engine's.
 */
#include "../kernels/kernel.h"
#include "look.h"

#include <string.h>

static int compile(const struct classroom *room, const struct exercise *e, const char *path,
		   struct compiled *made, struct text *why, struct err *err)
{
	struct text source = { 0 };
	const char *what;
	int rc = text_read_regular(&source, path, (size_t)1 << 30, err);

	if (!rc) {
		text_adds(&source, "");
		rc = look_at_file(room, e, source.data, source.len, &what, why, err);
	}
	if (!rc && !why->len) {
		struct compile c = { .name = e->file,
				     .path = path,
				     .source = source.data,
				     .len = source.len,
				     .cache = room->cache,
				     .interrupted = room->interrupted };

		rc = sandbox_compile(&c, made, err);
		if (!rc && !made->library)
			text_addf(why, "%s does not compile:\n%s", e->file, made->said.data);
	}
	text_release(&source);
	return rc;
}

int lesson_diff(const struct classroom *room, const struct exercise *e, struct text *mine,
		struct text *reference, struct err *err)
{
	struct compiled made = { 0 };
	struct text path = { 0 }, why = { 0 };
	const char *symbol = section_value(e->conf, "kernel");
	int rc = 0;

	if (e->kind != EXERCISE_KERNEL || !symbol || !kernel_find(symbol))
		return err_set(err, ERR_USAGE,
			       "`%s` is no function that could be swapped into the model", e->id);
	text_addf(&path, "%s/%s/%s", room->home, e->lesson->dir, e->file);
	text_addf(mine, "%s/%s/mine.db", room->home, e->lesson->dir);
	text_addf(reference, "%s/%s/reference.db", room->home, e->lesson->dir);
	rc = compile(room, e, path.data, &made, &why, err);
	if (!rc && made.library)
		rc = kernel_record(room, e, made.library, mine->data, reference->data, &why, err);
	if (!rc && why.len > 0)
		rc = err_set(err, ERR_NO, "%s", why.data);
	compiled_release(&made);
	text_release(&path);
	text_release(&why);
	return rc;
}
