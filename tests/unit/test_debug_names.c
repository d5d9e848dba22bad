/* What names mean at a stop: every spelling, from everywhere. */
#include "support/stopped.h"

static struct stopped s;

static void setup(void)
{
	stopped_open(&s);
	stopped_do(&s, "start");
}

static void teardown(void)
{
	stopped_close(&s);
}

TestSuite(debug_names, .init = setup, .fini = teardown);

static void means(const char *path, const char *name)
{
	value_id v = -1;

	cr_assert_eq(name_resolve(s.d, path, &v, &s.err), 0, "%s: %s", path, s.err.message);
	cr_assert_str_eq(s.d->program->values[v].name, name, "'%s' is %s and not %s", path,
			 s.d->program->values[v].name, name);
}

static void fails(const char *path, const char *says)
{
	value_id v;

	cr_assert_eq(name_resolve(s.d, path, &v, &s.err), ERR_USAGE, "'%.60s' is %s", path,
		     s.d->program->values[v].name);
	cr_assert(strstr(s.err.message, says), "'%.60s': \"%s\" lacks \"%s\"", path, s.err.message,
		  says);
}

Test(debug_names, whole_names_mean_the_same_everywhere)
{
	static const char *const places[] = { "start", "advance model.layers.1.self_attn", "finish",
					      "continue" };
	static const char *const same[][2] = {
		{ "model.layers.1.self_attn:pattern", "model.layers.1.self_attn:pattern" },
		{ "model.layers.1.self_attn.pattern", "model.layers.1.self_attn:pattern" },
		{ "layers[1].self_attn.pattern", "model.layers.1.self_attn:pattern" },
		{ "layers.1.self_attn:pattern", "model.layers.1.self_attn:pattern" },
		{ "layers.1.attn.pattern", "model.layers.1.self_attn:pattern" },
		{ "L1.attn.pattern", "model.layers.1.self_attn:pattern" },
		{ "blocks.1.attn.hook_pattern", "model.layers.1.self_attn:pattern" },
		{ "kq_soft_max-1", "model.layers.1.self_attn:pattern" },
		{ "model.layers.0:resid_post", "model.layers.0:out" },
		{ "layers.1.resid_pre", "model.layers.0:out" },
		{ "layers.1.in", "model.layers.0:out" },
		{ "layers.1", "model.layers.1:out" },
		{ "layers[1].out", "model.layers.1:out" },
		{ "L1.resid_post", "model.layers.1:out" },
		{ "layers.1.mlp", "model.layers.1.mlp.down_proj:out" },
		{ "layers.1.mlp.out", "model.layers.1.mlp.down_proj:out" },
		{ "layers.1.mlp.act_fn", "model.layers.1.mlp.act_fn:out" },
		{ "layers.1.self_attn.in", NULL },
		{ "layers.1.self_attn.in[1]", "model.rotary_emb:cos" },
		{ "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight" },
		{ "layers[0].mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight" },
		{ "lm_head.weight", "lm_head.weight" },
		{ "model", "model.norm:out" },
		{ "model.norm", "model.norm:out" },
		{ "norm.rms", "model.norm:rms" },
		{ "lm_head", "lm_head:out" },
		{ "logits", "lm_head:out" },
		{ "input_ids", "input_ids" },
		{ "position_ids", "position_ids" },
		{ "embed_tokens", "model.embed_tokens:out" },
		{ "cos", "model.rotary_emb:cos" },
	};

	for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
		stopped_do(&s, places[k]);
		for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
			if (same[i][1])
				means(same[i][0], same[i][1]);
			else
				fails(same[i][0], "'in' is one of 3: in[0] "
						  "model.layers.1.input_layernorm:out, in[1] "
						  "model.rotary_emb:cos");
		}
	}
}

Test(debug_names, others_are_looked_for_from_the_inside_out)
{
	stopped_do(&s, "advance model.layers.1.self_attn");
	means(".pattern", "model.layers.1.self_attn:pattern");
	means(":pattern", "model.layers.1.self_attn:pattern");
	means("pattern", "model.layers.1.self_attn:pattern");
	means("q_rot", "model.layers.1.self_attn:q_rot");
	means("q_proj", "model.layers.1.self_attn.q_proj:out");
	means("q", "model.layers.1.self_attn.q_proj:out");
	means("q_proj.weight", "model.layers.1.self_attn.q_proj.weight");
	means(".", "model.layers.1.self_attn.o_proj:out");
	means(".out", "model.layers.1.self_attn.o_proj:out");
	means(":out", "model.layers.1.self_attn.o_proj:out");
	means(".in[0]", "model.layers.1.input_layernorm:out");
	means("..", "model.layers.1:out");
	means("..mlp", "model.layers.1.mlp.down_proj:out");
	means("..resid_mid", "model.layers.1:resid_mid");
	means("mlp", "model.layers.1.mlp.down_proj:out");
	means("act_fn", "model.layers.1.mlp.act_fn:out");
	means("mlp.act_fn", "model.layers.1.mlp.act_fn:out");
	means("resid_mid", "model.layers.1:resid_mid");
	means("attn_out", "model.layers.1.self_attn.o_proj:out");
	means("ln1.normed", "model.layers.1.input_layernorm:normed");
	means("attn.z", "model.layers.1.self_attn:z");
	fails(".act_fn", "nothing here is called '.act_fn'");
	fails("rms", "'rms' is one of 2: L1.ln1.rms, L1.ln2.rms");
	fails(".....", "no module so far outside");
	fails("pattren", "did you mean 'pattern'?");
	fails("layers[7].mlp", "a layer that is not there: there are 2, 0 to 1");
	fails("L9.attn.z", "a layer that is not there");

	stopped_do(&s, "goto 0.0");
	s.d->frames_up = 9;
	fails("pattern", "'pattern' is one of 2: L0.attn.pattern, L1.attn.pattern");
	fails("weight", "and ");
}

Test(debug_names, in_and_out_go_by_what_comes_next_and_what_ran)
{
	stopped_do(&s, "start");
	means("in[0]", "input_ids");
	fails("out", "nothing has run in this pass yet");
	stopped_do(&s, "stepi");
	means("out", "model.embed_tokens:out");
	stopped_do(&s, "advance model.layers.1.self_attn");
	means("in[0]", "model.layers.1.input_layernorm:out");
	means("in[2]", "model.rotary_emb:sin");
	fails("in[3]", "there is no in[3]: there are in[0] ");
	fails("in[99999999999999999999]", "there is no in[");
	means("out", "model.layers.1.input_layernorm:out");
	stopped_do(&s, "stepi");
	means("in[0]", "model.layers.1.input_layernorm:out");
	means("in[1]", "model.layers.1.self_attn.k_proj.weight");
	means("out", "model.layers.1.self_attn.q_proj:out");
	stopped_do(&s, "finish");
	means(".", "model.layers.1.self_attn.o_proj:out");
	means("out", "model.layers.1.self_attn.o_proj:out");
	means("in[0]", "model.layers.1.input_layernorm:out");
	means(".pattern", "model.layers.1.self_attn:pattern");
	stopped_do(&s, "continue");
	means("out", "lm_head:out");
	fails("in", "nothing goes in here");
}

Test(debug_names, what_was_not_computed_says_how_to_get_there)
{
	value_id v;

	cr_assert_eq(name_resolve(s.d, "L1.attn.pattern", &v, &s.err), 0);
	name_missing(s.d, v, &s.err);
	stopped_do(&s, strchr(s.err.message, '`') ? "advance 0.37" : "start");
	cr_assert(strstr(s.err.message, "was not computed yet: it is op "), "%s", s.err.message);
	cr_assert(strstr(s.err.message, "`advance 0."), "%s", s.err.message);
}

Test(debug_names, no_name_is_too_odd)
{
	static char longest[100000];

	memset(longest, 'a', sizeof(longest) - 1);
	fails(longest, "is no name");
	memset(longest, '.', 200);
	longest[200] = '\0';
	fails(longest, "");
	fails("", "is no name");
	fails("[", "");
	fails("[]", "");
	fails("]", "");
	fails("*", "");
	fails("L*.attn.z", "");
	fails("\xff\xfe", "");
	fails("layers.", "");
	fails("layers.99999999999999999999", "a layer that is not there");
	fails("%s%n", "");
}
