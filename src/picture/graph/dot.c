/*
 * dot.c -- a graph as dot: a statement a line, in execution order.
 *
 * Lines say of a node what it is and nothing of its neighbours, so that two pictures can be
 * compared with diff(1).
 */
#include "graph_impl.h"

#include "torchless/mem.h"
#include "torchless/ui_color.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Helvetica, and the fonts of its widths that a system without it has: what a browser takes must be
 * as wide as what dot measured. */
#define FONT "Helvetica,Arial,Liberation Sans,Nimbus Sans,sans-serif"
#define BAD  "#c1121f"

static const char *const verdict_fills[] = {
	[GRAPH_UNCOMPARED] = NULL,   [GRAPH_EQUAL] = "#eeeeee",     [GRAPH_CLOSE] = "#e9c46a",
	[GRAPH_DIFFERS] = "#c1121f", [GRAPH_ONLY_HERE] = "#5e60ce",
};

/*
 * A box is paper with words on it: little is pale and much is dark, in one hue, where a heat map
 * has all of viridis.  Nothing is white but what was not measured.
 */
static uint32_t heat_color(double heat)
{
	return ui_map_color(UI_MAP_DIVERGING, UI_ON_PAPER, -1, 1, -0.1 - 0.9 * heat);
}

static bool has_heat(const struct graph *g)
{
	return !isnan(g->heat_lo) && !isnan(g->heat_hi);
}

/* ---- how a node looks ----------------------------------------------------------------------- */

static void set_fill(struct look *look, uint32_t rgb)
{
	snprintf(look->color, sizeof(look->color), "#%06x", (unsigned)rgb & 0xffffff);
	look->fill = look->color;
	look->ink = look->pale = ui_color_is_dark(rgb) ? "#ffffff" : "#000000";
}

static void look_of(struct look *look, const struct graph *g, const struct graph_node *n)
{
	const struct kind_look *kind = &kind_looks[n->kind];

	*look = (struct look){
		.fill = kind->fill,
		.border = kind->border,
		.ink = "#000000",
		.pale = "#444444",
		.width = 1,
		.is_table = n->weight && n->kind != GRAPH_LAYERS,
	};
	if (!isnan(n->measures.heat))
		set_fill(look, heat_color(n->measures.heat));
	else if (verdict_fills[n->verdict])
		set_fill(look, (uint32_t)strtoul(verdict_fills[n->verdict] + 1, NULL, 16));
	else if (has_heat(g))
		look->fill = "#ffffff"; /* it was not measured */
	if (n->measures.is_first && n->verdict == GRAPH_UNCOMPARED)
		set_fill(look, (uint32_t)strtoul(&BAD[1], NULL, 16));
	if (n->measures.holds_bad || n->measures.is_first) {
		look->border = n->verdict ? "#000000" : BAD;
		look->width = n->measures.is_first ? 4 : 2.5;
	}
}

static void add_identity(struct text *out, const char *id, const char *tooltip,
			 const char *measured)
{
	struct text tip = { 0 };

	text_adds(out, "id=");
	escape_string(out, id);
	text_addf(&tip, "%s%s%s", tooltip ? tooltip : id, measured && *measured ? "\n" : "",
		  measured ? measured : "");
	text_adds(out, ", tooltip=");
	escape_tooltip(out, tip.data);
	text_adds(out, ", URL=\"#");
	escape_url(out, id);
	text_addc(out, '"');
	text_release(&tip);
}

static void add_tabs(struct text *out, int depth)
{
	for (int i = 0; i < depth; i++)
		text_addc(out, '\t');
}

static void add_node(struct text *out, const struct graph *g, const struct graph_node *n, int depth)
{
	const struct kind_look *kind = &kind_looks[n->kind];
	struct text measured = { 0 };
	struct look look;

	look_of(&look, g, n);
	label_add_tooltip(&measured, n);
	add_tabs(out, depth);
	escape_string(out, n->id);
	text_adds(out, " [label=");
	label_add_node(out, n, g->level, &look);
	if (look.is_table)
		text_adds(out, ", shape=plain");
	else if (is_junction(n))
		text_addf(out, ", shape=point, width=0.06");
	else if (label_is_circle(n, g->level))
		text_addf(
			out,
			", shape=circle, width=0.28, fixedsize=true, fontsize=14, fillcolor=\"%s\", color=\"%s\"",
			look.fill, look.border);
	else
		text_addf(out, ", shape=%s, style=\"%s\", fillcolor=\"%s\", color=\"%s\"",
			  n->kind == GRAPH_RESIDUAL ? "box" : kind->shape, kind->style, look.fill,
			  look.border);
	if (n->kind == GRAPH_LAYERS)
		text_adds(out, ", margin=\"0.14,0.1\""); /* what its edges take */
	if (look.width > 1)
		text_addf(out, ", penwidth=%g", look.width);
	if (n->is_axis)
		text_adds(out, ", group=residual");
	text_adds(out, ", ");
	add_identity(out, n->id, n->tooltip, measured.data);
	text_adds(out, "];\n");
	text_release(&measured);
}

/* ---- clusters ------------------------------------------------------------------------------- */

static void open_cluster(struct text *out, const struct graph_cluster *c, int depth)
{
	struct text name = { 0 };

	add_tabs(out, depth);
	text_adds(out, "subgraph ");
	text_addf(&name, "cluster_%s", c->id);
	escape_string(out, name.data);
	text_adds(out, " {\n");
	add_tabs(out, depth + 1);
	text_adds(out, "graph [labeljust=l, label=<<B>");
	text_clear(&name);
	name_add_cut(&name, c->name, 40);
	escape_html(out, name.data);
	text_adds(out, "</B>");
	for (int i = 0; i < 2; i++) {
		const char *word = i ? c->note : c->type;

		if (!word || !*word)
			continue;
		text_adds(out, "<FONT POINT-SIZE=\"8\" COLOR=\"#555555\">  ");
		escape_html(out, word);
		text_adds(out, "</FONT>");
	}
	text_adds(out, ">, ");
	add_identity(out, c->id, c->tooltip, NULL);
	text_addf(out, ", style=\"rounded,filled\", fillcolor=\"%s\", color=\"%s\"];\n",
		  depth % 2 ? "#fcfcfd" : "#f5f6f8", c->note ? "#44546a" : "#b8c0ca");
	text_release(&name);
}

static bool is_inside(const struct graph *g, int c, int ancestor)
{
	while (c >= 0 && c != ancestor)
		c = g->clusters[c].parent;
	return c == ancestor;
}

/* Close what `to` is not in, open what it is in. */
static int walk_to(struct text *out, const struct graph *g, int from, int to, int *depth)
{
	while (from >= 0 && !is_inside(g, to, from)) {
		add_tabs(out, --*depth);
		text_adds(out, "}\n");
		from = g->clusters[from].parent;
	}
	if (to != from) {
		walk_to(out, g, from, g->clusters[to].parent, depth);
		open_cluster(out, &g->clusters[to], (*depth)++);
	}
	return to;
}

/* ---- edges ---------------------------------------------------------------------------------- */

/*
 * How much an edge pulls.  Graphviz makes an edge between nodes of one group a hundred times as
 * heavy, and ranks the inside of a cluster by itself: a wire that leaves one is a wish.  So a
 * branch that enters a cluster must weigh enough to stay below where it came from.
 */
static void add_weight(struct text *out, const struct graph *g, const struct graph_edge *e)
{
	const struct graph_node *from = &g->nodes[e->from], *to = &g->nodes[e->to];

	if (from->is_axis && to->is_axis)
		text_addf(out, "weight=4, penwidth=%s, ", e->is_spine ? "2.5" : "1.5");
	else if (from->cluster != to->cluster)
		text_adds(out, "weight=80, ");
}

static void add_edge(struct text *out, const struct graph *g, const struct graph_edge *e)
{
	const struct graph_node *from = &g->nodes[e->from], *to = &g->nodes[e->to];

	text_addc(out, '\t');
	escape_string(out, from->id);
	text_adds(out, " -> ");
	escape_string(out, to->id);
	text_adds(out, is_junction(to) ? " [arrowhead=none, " : " [");
	if (e->label) {
		text_adds(out, "label=<");
		escape_html(out, e->label);
		text_adds(out, ">, ");
	}
	add_weight(out, g, e);
	if (e->is_hub)
		text_adds(out, "style=dashed, ");
	if (from->kind == GRAPH_WEIGHT)
		text_adds(out, "arrowhead=none, color=\"#888888\", ");
	if (e->is_bad)
		text_adds(out, "color=\"" BAD "\", penwidth=2.5, ");
	add_identity(out, e->id, e->tooltip, NULL);
	text_adds(out, "];\n");
}

/* ---- title and legend ----------------------------------------------------------------------- */

static void add_swatch(struct text *out, const char *fill, const char *border, const char *word)
{
	text_addf(
		out,
		"<TD BORDER=\"1\" COLOR=\"%s\" BGCOLOR=\"%s\" WIDTH=\"14\" HEIGHT=\"10\"></TD><TD ALIGN=\"LEFT\"><FONT POINT-SIZE=\"8\">",
		border, fill);
	escape_html(out, word);
	text_adds(out, "  </FONT></TD>");
}

#define LEGEND_COLUMNS 5

static void add_legend(struct text *out, const struct graph *g)
{
	bool there[GRAPH_KINDS] = { false };
	int n = 0;

	for (int i = 0; i < g->n_nodes; i++)
		there[g->nodes[i].kind] = true;
	there[GRAPH_OUTPUT] &= !there[GRAPH_INPUT];
	text_adds(out, "<TR><TD><TABLE BORDER=\"0\" CELLSPACING=\"3\" CELLPADDING=\"0\"><TR>");
	for (int k = 0; k < GRAPH_KINDS; k++) {
		if (!there[k])
			continue;
		if (n && n % LEGEND_COLUMNS == 0)
			text_adds(out, "</TR><TR>");
		add_swatch(out, kind_looks[k].fill, kind_looks[k].border,
			   k == GRAPH_INPUT ? "input, output" : kind_looks[k].word);
		n++;
	}
	text_adds(out, "</TR></TABLE></TD></TR>");
}

static void add_verdicts(struct text *out, const struct graph *g)
{
	bool there[GRAPH_ONLY_HERE + 1] = { false };
	bool any = false;

	for (int i = 0; i < g->n_nodes; i++) {
		there[g->nodes[i].verdict] = true;
		any |= g->nodes[i].verdict != GRAPH_UNCOMPARED;
	}
	if (!any)
		return;
	text_adds(out, "<TR><TD><TABLE BORDER=\"0\" CELLSPACING=\"3\" CELLPADDING=\"0\"><TR>");
	for (int v = GRAPH_EQUAL; v <= GRAPH_ONLY_HERE; v++)
		if (there[v])
			add_swatch(out, verdict_fills[v], "#444444", verdict_word(g, v));
	text_adds(out, "</TR></TABLE></TD></TR>");
}

static void add_scale_end(struct text *out, const struct graph *g, double x)
{
	bool is_percent = g->heat_unit && !strcmp(g->heat_unit, "%");
	bool is_bytes = g->heat_unit && !strcmp(g->heat_unit, "B") && x >= 0 && x < 9e18;
	char number[32];

	text_adds(out, "<TD><FONT POINT-SIZE=\"8\">");
	escape_html(out,
		    is_bytes ? mem_format_bytes((int64_t)x, number, sizeof(number))
			     : ui_format_number(is_percent ? 100 * x : x, number, sizeof(number)));
	if (g->heat_unit && !is_bytes) {
		text_addc(out, ' ');
		escape_html(out, g->heat_unit);
	}
	text_adds(out, "</FONT></TD>");
}

static void add_scale(struct text *out, const struct graph *g)
{
	if (!has_heat(g))
		return;
	text_adds(
		out,
		"<TR><TD><TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"2\"><TR><TD><FONT POINT-SIZE=\"8\">");
	escape_html(out, g->heat_name ? g->heat_name : "");
	text_adds(out, "</FONT></TD>");
	add_scale_end(out, g, g->heat_lo);
	for (int i = 0; i <= 16; i++)
		text_addf(out, "<TD WIDTH=\"10\" HEIGHT=\"10\" BGCOLOR=\"#%06x\"></TD>",
			  (unsigned)heat_color(i / 16.0));
	add_scale_end(out, g, g->heat_hi);
	text_adds(out, "</TR></TABLE></TD></TR>");
}

static void add_head_lines(struct text *out, const char *s)
{
	while (s && *s) {
		size_t n = strcspn(s, "\n");
		char *line = mem_memdup(s, n);

		text_adds(out, "<TR><TD><FONT POINT-SIZE=\"9\" COLOR=\"#444444\">");
		escape_html(out, line);
		text_adds(out, "</FONT></TD></TR>");
		free(line);
		s += n + (s[n] == '\n');
	}
}

static void add_head(struct text *out, const struct graph *g)
{
	const char *lines[] = { g->subtitle, g->folded };

	text_adds(
		out,
		"<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"1\"><TR><TD><FONT POINT-SIZE=\"14\"><B>");
	escape_html(out, g->title ? g->title : "");
	text_adds(out, "</B></FONT></TD></TR>");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		add_head_lines(out, lines[i]);
	if (!has_heat(g))
		add_legend(out, g);
	add_verdicts(out, g);
	add_scale(out, g);
	text_adds(out, "</TABLE>>");
}

/* Whether a node stands over all clusters, so that the stream can begin straight. */
static bool is_source(const struct graph *g, int n)
{
	if (g->nodes[n].kind != GRAPH_STUB || g->nodes[n].cluster >= 0)
		return g->nodes[n].kind == GRAPH_INPUT && g->nodes[n].cluster < 0;
	for (int e = 0; e < g->n_edges; e++)
		if (g->edges[e].from == n && is_junction(&g->nodes[g->edges[e].to]))
			return true;
	return false;
}

static void add_sources(struct text *out, const struct graph *g)
{
	text_adds(out, "\t{ rank=source;");
	for (int i = 0; i < g->n_nodes; i++)
		if (is_source(g, i)) {
			text_addc(out, ' ');
			escape_string(out, g->nodes[i].id);
			text_addc(out, ';');
		}
	text_adds(out, " }\n");
}

/* What only a box reads stands beside it: above it is a frame, as a rule. */
static void add_beside(struct text *out, const struct graph *g, int n, int depth)
{
	const struct graph_node *before = n > 0 ? &g->nodes[n - 1] : NULL;

	if (!before || before->kind != GRAPH_HUB || g->nodes[n].kind != GRAPH_LAYERS ||
	    before->cluster != g->nodes[n].cluster)
		return;
	add_tabs(out, depth);
	text_adds(out, "{ rank=same; ");
	escape_string(out, before->id);
	text_adds(out, "; ");
	escape_string(out, g->nodes[n].id);
	text_adds(out, "; }\n");
}

void graph_add_dot(struct text *out, const struct graph *g)
{
	int cluster = -1, depth = 1;

	text_adds(
		out,
		"digraph torchless {\n\tgraph [id=\"torchless\", fontname=\"" FONT
		"\", fontsize=10, bgcolor=white, nodesep=0.2, ranksep=0.28, pad=0.1, labelloc=t, tooltip=");
	escape_tooltip(out, g->title && *g->title ? g->title : "torchless");
	text_adds(out, ", label=");
	add_head(out, g);
	text_adds(out,
		  "];\n\tnode [fontname=\"" FONT
		  "\", fontsize=10, margin=\"0.08,0.04\", height=0.3];\n\tedge [fontname=\"" FONT
		  "\", fontsize=8, arrowsize=0.6, color=\"#444444\"];\n");
	for (int i = 0; i < g->n_nodes; i++) {
		cluster = walk_to(out, g, cluster, g->nodes[i].cluster, &depth);
		add_node(out, g, &g->nodes[i], depth);
		add_beside(out, g, i, depth);
	}
	walk_to(out, g, cluster, -1, &depth);
	add_sources(out, g);
	for (int i = 0; i < g->n_edges; i++)
		add_edge(out, g, &g->edges[i]);
	text_adds(out, "}\n");
}
