/*
 * tests.c -- what stands behind `is`: one table.
 */
#include "impl.h"

#include <string.h>

#define NO_ARGUMENT NULL

static bool is_defined(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind != V_UNDEFINED;
}

static bool is_undefined(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_UNDEFINED;
}

static bool is_none(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_NONE;
}

static bool is_boolean(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_BOOL;
}

static bool is_true(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_BOOL && v.b;
}

static bool is_false(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_BOOL && !v.b;
}

static bool is_whole(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_INT;
}

static bool is_float(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_FLOAT;
}

static bool is_any_number(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return is_number(v);
}

static bool is_text(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return is_string(v);
}

static bool is_mapping(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_DICT;
}

/* What has a length and items by number, which Python's dict and jinja2's undefined have, too. */
static bool is_list_like(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return is_sequence(v) || is_string(v) || v.kind == V_DICT || v.kind == V_UNDEFINED;
}

static bool is_iterable_value(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return is_iterable(v);
}

/* jinja2's undefined has a __call__, which fails. */
static bool is_callable(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return v.kind == V_CALLABLE || v.kind == V_UNDEFINED || v.kind == V_LOOP ||
	       (v.kind == V_CYCLER && v.cycler->joins);
}

static struct value modulo(struct jinja *j, struct value v, struct value by)
{
	if (v.kind == V_UNDEFINED || by.kind == V_UNDEFINED)
		jinja_fail(j, "%s", short_name(j, v.kind == V_UNDEFINED ? v.s : by.s));
	if (is_string(v))
		return format_percent(j, v.s, by);
	if (!is_number(v) || !is_number(by))
		jinja_fail(j, "unsupported operand type(s) for %%: '%s' and '%s'", type_name(v),
			   type_name(by));
	return number_operate(j, '%', v, by);
}

static bool is_odd(struct jinja *j, struct value v, struct value other)
{
	(void)other;
	return values_equal(j, modulo(j, v, v_int(2)), v_int(1));
}

static bool is_even(struct jinja *j, struct value v, struct value other)
{
	(void)other;
	return values_equal(j, modulo(j, v, v_int(2)), v_int(0));
}

static bool is_divisible(struct jinja *j, struct value v, struct value other)
{
	return values_equal(j, modulo(j, v, other), v_int(0));
}

static bool is_equal(struct jinja *j, struct value v, struct value other)
{
	return values_equal(j, v, other);
}

static bool is_unequal(struct jinja *j, struct value v, struct value other)
{
	return !values_equal(j, v, other);
}

static bool is_less(struct jinja *j, struct value v, struct value other)
{
	return values_ordered(j, "<", v, other);
}

static bool is_at_most(struct jinja *j, struct value v, struct value other)
{
	return values_ordered(j, "<=", v, other);
}

static bool is_greater(struct jinja *j, struct value v, struct value other)
{
	return values_ordered(j, ">", v, other);
}

static bool is_at_least(struct jinja *j, struct value v, struct value other)
{
	return values_ordered(j, ">=", v, other);
}

static bool is_in(struct jinja *j, struct value v, struct value other)
{
	return value_contains(j, other, v);
}

/* Which equal numbers and strings are one object is Python's secret. */
static bool is_same(struct jinja *j, struct value v, struct value other)
{
	if (v.kind == V_NONE || v.kind == V_BOOL || other.kind == V_NONE || other.kind == V_BOOL)
		return v.kind == other.kind && (v.kind == V_NONE || v.b == other.b);
	if (v.kind != other.kind)
		return false;
	jinja_fail(j, "'sameas' of two values of type %s is not supported", type_name(v));
}

static bool is_in_upper(struct jinja *j, struct value v, struct value other)
{
	(void)other;
	return text_has_case(j, to_str(j, v), CASE_UPPER);
}

static bool is_in_lower(struct jinja *j, struct value v, struct value other)
{
	(void)other;
	return text_has_case(j, to_str(j, v), CASE_LOWER);
}

static bool is_escaped(struct jinja *j, struct value v, struct value other)
{
	(void)j, (void)other;
	return is_string(v) && v.markup;
}

/* Whether there is a filter, or a test, of that name. */
static bool is_name_of(struct jinja *j, struct value v, enum known known(struct bytes name))
{
	if (!is_hashable(v))
		jinja_fail(j, "unhashable type: '%s'", type_name(v));
	return is_string(v) && known(v.s) != UNKNOWN;
}

static bool is_filter(struct jinja *j, struct value v, struct value other)
{
	(void)other;
	return is_name_of(j, v, filter_known);
}

static bool is_test(struct jinja *j, struct value v, struct value other)
{
	(void)other;
	return is_name_of(j, v, test_known);
}

/* run NULL: jinja2 has it, torchless not. */
static const struct {
	const char *name;
	bool (*run)(struct jinja *j, struct value v, struct value other);
	const char *params;
} tests[] = {
	{ "odd", is_odd, "" },
	{ "even", is_even, "" },
	{ "divisibleby", is_divisible, "num" },
	{ "defined", is_defined, "" },
	{ "undefined", is_undefined, "" },
	{ "filter", is_filter, "" },
	{ "test", is_test, "" },
	{ "none", is_none, "" },
	{ "boolean", is_boolean, "" },
	{ "false", is_false, "" },
	{ "true", is_true, "" },
	{ "integer", is_whole, "" },
	{ "float", is_float, "" },
	{ "lower", is_in_lower, "" },
	{ "upper", is_in_upper, "" },
	{ "string", is_text, "" },
	{ "mapping", is_mapping, "" },
	{ "number", is_any_number, "" },
	{ "sequence", is_list_like, "" },
	{ "iterable", is_iterable_value, "" },
	{ "callable", is_callable, "" },
	{ "sameas", is_same, "other" },
	{ "escaped", is_escaped, "" },
	{ "in", is_in, "seq" },
	{ "==", is_equal, "/b" },
	{ "eq", is_equal, "/b" },
	{ "equalto", is_equal, "/b" },
	{ "!=", is_unequal, "/b" },
	{ "ne", is_unequal, "/b" },
	{ ">", is_greater, "/b" },
	{ "gt", is_greater, "/b" },
	{ "greaterthan", is_greater, "/b" },
	{ "ge", is_at_least, "/b" },
	{ ">=", is_at_least, "/b" },
	{ "<", is_less, "/b" },
	{ "lt", is_less, "/b" },
	{ "lessthan", is_less, "/b" },
	{ "<=", is_at_most, "/b" },
	{ "le", is_at_most, "/b" },
};
#define N_TESTS (sizeof(tests) / sizeof(*tests))

enum known test_known(struct bytes name)
{
	for (size_t i = 0; i < N_TESTS; i++)
		if (bytes_are(name, tests[i].name))
			return tests[i].run ? KNOWN : KNOWN_ELSEWHERE;
	return UNKNOWN;
}

bool test_run(struct jinja *j, struct bytes name, struct value v, const struct args *args)
{
	struct value bound[JINJA_MAX_PARAMS];

	for (size_t i = 0; i < N_TESTS; i++) {
		if (!bytes_are(name, tests[i].name))
			continue;
		if (!tests[i].run)
			jinja_fail(j, "the test '%s' is not supported", tests[i].name);
		args_bind(j, tests[i].name, tests[i].params, *tests[i].params != '\0', args, bound);
		return tests[i].run(j, v, bound[0]);
	}
	jinja_fail(j, "there is no test '%s'", short_name(j, name));
}
