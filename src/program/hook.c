/* hook.c -- the list of hooks, and stages as steps with a cursor. */
#include "torchless/hook.h"

void hook_add(struct hook **list, struct hook *hook)
{
	while (*list)
		list = &(*list)->next;
	hook->next = NULL;
	*list = hook;
}

int hook_announce(struct hook *list, struct executor *ex, const struct site *at, bool before,
		  struct err *err)
{
	int action = HOOK_CONTINUE;

	for (struct hook *h = list; h; h = h->next) {
		int (*call)(void *, struct executor *, const struct site *, struct err *) =
			before ? h->before : h->after;
		int r;

		if (!call || (h->wants && !h->wants(h->ctx, at)))
			continue;
		r = call(h->ctx, ex, at, err);
		if (r < 0)
			return r;
		if (r == HOOK_PAUSE)
			action = HOOK_PAUSE;
	}
	return action;
}

/* The two halves of a step: pausing in either resumes behind it, so nothing is announced twice. */
int stage_run(struct stage_run *run, struct hook *hooks, struct err *err)
{
	while (run->at < run->n) {
		struct site site = { .kind = SITE_STAGE, .step = &run->steps[run->at] };
		int r;

		if (!run->resumed) {
			run->resumed = true;
			r = hook_announce(hooks, NULL, &site, true, err);
			if (r != HOOK_CONTINUE)
				return r;
		}
		run->resumed = false;
		run->at++;
		r = hook_announce(hooks, NULL, &site, false, err);
		if (r != HOOK_CONTINUE)
			return r;
	}
	return HOOK_CONTINUE;
}
