/*
 * dfa.h -- regular expressions as automata: one step a character, no going back.
 *
 *	dfa_program.c an expression to a program of sets and branches
 *	dfa_states.c  a program to a table of states
 *	dfa.c         which class a character is of, and matching
 *
 * What an expression prefers (the first alternative, the longer repetition) is the order of the
 * branches in a state; a match ends whatever is less preferred.  What looks ahead looks at one
 * character, so whether a match ends at some place depends on the state and the next character.
 *
 * Source: Cox, Regular Expression Matching: the Virtual Machine Approach (2009), and in the Wild
 * (2010).
 */
#ifndef TORCHLESS_TOKENIZER_DFA_H
#define TORCHLESS_TOKENIZER_DFA_H

#include "impl.h"

/* Published patterns have up to 150 nodes, 13 sets and 70 states. */
#define DFA_NODES   512
#define DFA_SETS    24
#define DFA_CLASSES 64
#define DFA_STATES  500 /* times DFA_CLASSES: below DFA_MATCH */

/* ---- dfa_program.c ---- */

struct dfa_node {
	enum { NODE_SET, NODE_SPLIT, NODE_JUMP, NODE_AHEAD, NODE_NOT_AHEAD, NODE_MATCH } kind;
	int set;   /* NODE_SET takes a character of it, the next two look at one */
	int to[2]; /* where it goes on; NODE_SPLIT prefers the first */
};

/* Begins at node 0. */
struct dfa_program {
	struct dfa_node nodes[DFA_NODES];
	int n_nodes;
	struct text sets[DFA_SETS]; /* each an expression of one character */
	int n_sets;
};

/* Zero-initialise *g.  False when an automaton cannot do what the expression asks for. */
bool dfa_program_parse(struct dfa_program *g, const char *dialect, size_t len);
void dfa_program_release(struct dfa_program *g);

/* ---- dfa_states.c ---- */

#define DFA_END    0   /* the class of what stands behind the text */
#define DFA_UNSURE 255 /* of a character that is like none of those seen at compile time */
#define DFA_DEAD   0   /* the state that nothing comes of */
#define DFA_START  1
#define DFA_MATCH  0x8000 /* a match ends before the character; the rest is the next state */

/*
 * The next state by state * n_classes + class; masks[class] has a bit for each set that a class is
 * in.  NULL when there would be too many states; free() it.
 */
uint16_t *dfa_states_make(const struct dfa_program *g, const uint32_t *masks, int n_classes);

#endif
