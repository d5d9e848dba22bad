/* hook.c -- the list of hooks, and stages as steps with a cursor. */
#include "torchless/hook.h"

void hook_add(struct hook **list, struct hook *hook)
{
	while (*list)
		list = &(*list)->next;
	hook->next = NULL;
	*list = hook;
}

void hook_remove(struct hook **list, const struct hook *hook)
{
	while (*list && *list != hook)
		list = &(*list)->next;
	if (*list)
		*list = hook->next;
}

bool hook_wants_stage(const struct hook *list, enum stage stage)
{
	for (; list; list = list->next)
		if (list->stages & STAGE_BIT(stage))
			return true;
	return false;
}

/* Whether the hook has to do with the site at all. */
static bool is_wanted(const struct hook *h, const struct site *at)
{
	if (at->kind == SITE_STAGE && !(h->stages & STAGE_BIT(at->step->stage)))
		return false;
	return !h->wants || h->wants(h->ctx, at);
}

/* Before a site the first error ends the asking: it does not run.  After it, all are told. */
int hook_announce(struct hook *list, struct executor *ex, const struct site *at, bool before,
		  struct err *err)
{
	struct err first = { 0 };
	int action = HOOK_CONTINUE;

	for (struct hook *h = list, *next; h; h = next) {
		int (*call)(void *, struct executor *, const struct site *, struct err *) =
			before ? h->before : h->after;
		struct err failed = { 0 };
		int r;

		next = h->next; /* it may remove itself */
		r = call && is_wanted(h, at) ? call(h->ctx, ex, at, &failed) : HOOK_CONTINUE;
		if (r == HOOK_PAUSE)
			action = HOOK_PAUSE;
		if (r < 0 && !first.code)
			first = failed;
		if (r < 0 && before)
			break;
	}
	if (first.code)
		*err = first;
	return first.code ? first.code : action;
}

int hook_rewind(struct hook *list, struct executor *ex, int pass, int op, struct err *err)
{
	struct err first = { 0 };

	for (struct hook *h = list, *next; h; h = next) {
		struct err failed = { 0 };

		next = h->next;
		if (h->rewound && h->rewound(h->ctx, ex, pass, op, &failed) < 0 && !first.code)
			first = failed;
	}
	if (first.code)
		*err = first;
	return first.code;
}

/* The two halves of a step: pausing in either resumes behind it, so nothing is announced twice. */
int stage_run(struct stage_run *run, struct hook *const *hooks, struct err *err)
{
	while (run->at < run->n) {
		struct site site = { .kind = SITE_STAGE, .step = &run->steps[run->at] };
		int r;

		if (!run->resumed) {
			run->resumed = true;
			r = hook_announce(*hooks, NULL, &site, true, err);
			run->resumed = r >= 0; /* what failed is asked again */
			if (r != HOOK_CONTINUE)
				return r;
		}
		run->resumed = false;
		run->at++;
		r = hook_announce(*hooks, NULL, &site, false, err);
		if (r != HOOK_CONTINUE)
			return r;
	}
	return HOOK_CONTINUE;
}
