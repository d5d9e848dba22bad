/*
 * dfa_states.c -- a program to a table of states.
 *
 * A state is the list of the nodes at which a match may go on, the preferred ones first.
 */
#include "dfa.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(DFA_STATES *DFA_CLASSES <= DFA_MATCH, "a row fits beside the mark");

struct list {
	uint16_t nodes[DFA_NODES];
	int n;
};

struct making {
	const struct dfa_program *g;
	const uint32_t *masks;
	int n_classes;
	struct list *states;
	int n_states;
	/* of one step */
	struct list *next;
	bool seen[DFA_NODES], added[DFA_NODES];
	bool matched; /* what comes behind in the list is less preferred */
};

/* Whether the set has the class; none has the end. */
static bool has(const struct making *m, int set, int class)
{
	return class != DFA_END && (m->masks[class] >> set & 1);
}

/* Go on from a node before a character of the class; where it is taken goes into m->next. */
static void follow(struct making *m, int at, int class)
{
	const struct dfa_node *node = &m->g->nodes[at];

	if (m->matched || m->seen[at])
		return;
	m->seen[at] = true;
	switch (node->kind) {
	case NODE_SET:
		if (has(m, node->set, class) && !m->added[node->to[0]]) {
			m->added[node->to[0]] = true;
			m->next->nodes[m->next->n++] = (uint16_t)node->to[0];
		}
		break;
	case NODE_AHEAD:
	case NODE_NOT_AHEAD:
		if (has(m, node->set, class) == (node->kind == NODE_AHEAD))
			follow(m, node->to[0], class);
		break;
	case NODE_SPLIT:
		follow(m, node->to[0], class);
		follow(m, node->to[1], class);
		break;
	case NODE_JUMP:
		follow(m, node->to[0], class);
		break;
	case NODE_MATCH:
		m->matched = true;
		break;
	}
}

/* The number of the state m->next; -1 when there are too many. */
static int state_of(struct making *m)
{
	for (int i = 0; i < m->n_states; i++)
		if (m->states[i].n == m->next->n &&
		    memcmp(m->states[i].nodes, m->next->nodes,
			   (size_t)m->next->n * sizeof(*m->next->nodes)) == 0)
			return i;
	if (m->n_states == DFA_STATES)
		return -1;
	m->states[m->n_states] = *m->next;
	return m->n_states++;
}

/* The row that a state goes to, as the table has it; -1 when there are too many states. */
static int step(struct making *m, int state, int class)
{
	int next;

	memset(m->seen, 0, sizeof(m->seen));
	memset(m->added, 0, sizeof(m->added));
	m->matched = false;
	m->next->n = 0;
	for (int i = 0; i < m->states[state].n; i++)
		follow(m, m->states[state].nodes[i], class);
	next = state_of(m);
	return next < 0 ? -1 : next * m->n_classes | (m->matched ? DFA_MATCH : 0);
}

uint16_t *dfa_states_make(const struct dfa_program *g, const uint32_t *masks, int n_classes)
{
	struct making m = { .g = g, .masks = masks, .n_classes = n_classes, .n_states = 2 };
	uint16_t *table = mem_calloc((size_t)DFA_STATES * (size_t)n_classes, sizeof(*table));
	bool ok = true;

	m.states = mem_calloc(DFA_STATES, sizeof(*m.states));
	m.next = mem_calloc(1, sizeof(*m.next));
	m.states[DFA_START].n = 1; /* node 0 */
	for (int state = DFA_START; ok && state < m.n_states; state++) {
		for (int c = 0; ok && c < n_classes; c++) {
			int next = step(&m, state, c);

			ok = next >= 0;
			table[state * n_classes + c] = (uint16_t)next;
		}
	}
	free(m.states);
	free(m.next);
	if (!ok) {
		free(table);
		return NULL;
	}
	return mem_realloc(table, (size_t)m.n_states * (size_t)n_classes, sizeof(*table));
}
