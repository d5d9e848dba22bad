/* Parts of tensors as one writes them. */
#include "torchless/selection.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

struct range {
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
};

static bool resolve(const char *text, const char *axes, int64_t a, int64_t b, int64_t c,
		    int64_t pos0, struct range *r)
{
	struct selection sel;
	struct err err = { 0 };

	cr_assert(eq(int, selection_parse(&sel, text, axes, &err), 0), "%s", err.message);
	return selection_resolve(&sel, axes, (int64_t[]){ a, b, c }, 3, pos0, r->start, r->stop);
}

Test(selection, names_numbers_ranges_and_negative_indices)
{
	struct range r;

	cr_assert(resolve("[head=2, q=-1]", "head,q,k", 4, 6, 9, 3, &r));
	cr_assert(eq(i64, r.start[0], 2));
	cr_assert(eq(i64, r.stop[0], 3));
	cr_assert(eq(i64, r.start[1], 5));
	cr_assert(eq(i64, r.stop[1], 6));
	cr_assert(eq(i64, r.start[2], 0));
	cr_assert(eq(i64, r.stop[2], 9));
	cr_assert(resolve("[:, 0:2]", "pos,head,d_head", 4, 6, 9, 0, &r));
	cr_assert(eq(i64, r.start[0], 0));
	cr_assert(eq(i64, r.stop[0], 4));
	cr_assert(eq(i64, r.start[1], 0));
	cr_assert(eq(i64, r.stop[1], 2));
}

Test(selection, positions_are_absolute)
{
	struct range r;

	cr_assert(resolve("[pos=12]", "pos,head,d_head", 4, 6, 9, 10, &r));
	cr_assert(eq(i64, r.start[0], 2));
	cr_assert(eq(i64, r.stop[0], 3));
	cr_assert(not(resolve("[pos=9]", "pos,head,d_head", 4, 6, 9, 10, &r)));
	cr_assert(not(resolve("[pos=14]", "pos,head,d_head", 4, 6, 9, 10, &r)));
}

Test(selection, a_number_that_is_no_index_is_refused)
{
	static const char *const refused[] = {
		"[-9223372036854775808]",  "[-9223372036854775808:]",
		"[:-9223372036854775808]", "[9223372036854775807]",
		"[9223372036854775807:]",  "[:9223372036854775807]",
		"[-9223372036854775809:]", "[2147483648]",
		"[-2147483648:]",          "[0:2147483648]",
	};
	struct selection sel;
	struct err err = { 0 };
	struct range r;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		cr_assert(eq(int, selection_parse(&sel, refused[i], "pos", &err), ERR_USAGE), "%s",
			  refused[i]);
	/* As Python's slices: what lies beyond the ends is cut off. */
	cr_assert(resolve("[-2147483647:2147483647]", "pos,head,d_head", 4, 6, 9, 0, &r));
	cr_assert(eq(i64, r.start[0], 0));
	cr_assert(eq(i64, r.stop[0], 4));
}

Test(selection, what_is_wrong_is_said)
{
	struct selection sel;
	struct err err = { 0 };
	char name[64];
	const char *rest;

	cr_assert(eq(int, selection_parse(&sel, "[hed=1]", "head,q,k", &err), ERR_USAGE));
	cr_assert(eq(str, err.message, "'hed=1' names no axis of [head,q,k]"));
	cr_assert(eq(int, selection_parse(&sel, "[1,2,3,4]", "head,q,k", &err), ERR_USAGE));
	cr_assert(eq(int, selection_parse(&sel, "[x]", "head,q,k", &err), ERR_USAGE));
	cr_assert(eq(int, selection_parse(&sel, "[99999999999999999999]", "pos", &err), ERR_USAGE));
	cr_assert(eq(int, selection_split("L0.attn.z[head=0", name, sizeof(name), &rest, &err),
		     ERR_USAGE));
	cr_assert(
		eq(int, selection_split("L0.attn.z[head=0]", name, sizeof(name), &rest, &err), 0));
	cr_assert(eq(str, name, "L0.attn.z"));
	cr_assert(eq(str, (char *)rest, "[head=0]"));
	cr_assert(
		eq(int, selection_split("model.layers.[4-7]", name, sizeof(name), &rest, &err), 0));
	cr_assert(eq(str, name, "model.layers.[4-7]"));
}
