/*
 * kernel.h -- a learner's functions held against ours, alone and in the model.  Private to the
 * lessons.
 *
 * A kernel is a line of kernels.def.  Its battery is a list of calls with inputs that are drawn by
 * a seed; a trial runs one library over it in the sandbox; the swap puts it into the model.
 *
 * From the ground up: battery.c; call.c, reference.c, fills.c; table.c; judge.c; trial.c; sites.c,
 * twin.c, swap.c, mine.c, speed.c; wrong.c, stub.c.
 */
#ifndef LESSON_KERNEL_H
#define LESSON_KERNEL_H

#include "../sandbox/sandbox.h"

#include "torchless/executor.h"
#include "torchless/lesson.h"
#include "torchless/model.h"

/* ---- the table ------------------------------------------------------------------------------- */

enum kernel_id {
#define KERNEL(name, tolerance, floor, swap, long_prompt, declaration) KERNEL_##name,
#include "kernels.def"
#undef KERNEL
	KERNEL_COUNT
};

#define KERNEL_ARRAYS 4
#define KERNEL_DIMS   3

/* An array of a call: `size` bytes an element, dims[n_dims] in C order, each axis with a word. */
struct kernel_array {
	const char *name;
	size_t size;
	enum sandbox_access access;
	int n_dims;
	int64_t dims[KERNEL_DIMS];
	const char *axes[KERNEL_DIMS];
	int64_t n; /* elements */
	void *data;
};

/* One call.  What i[] and f[] are, the kernel's own functions know. */
struct kernel_call {
	struct kernel_array arrays[KERNEL_ARRAYS];
	int n_arrays;
	int i[5];
	float f[3];
	int picked;        /* what tl_top_p returns */
	int position;      /* -1: it has none */
	double loose;      /* the tolerance is multiplied by it */
	const char *group; /* in words, of several calls: "tiny inputs" */
};

/* The calls of a kernel, owned. */
struct battery {
	const struct kernel *kernel;
	struct kernel_call *calls;
	int n;
	size_t cap;
};

struct kernel {
	enum kernel_id id;
	bool long_prompt;
	const char *name, *symbol, *declaration;
	double tolerance, floor, swap;
	void (*call)(sandbox_fn *fn, struct kernel_call *c);
	sandbox_fn *reference;
	void (*fill)(struct battery *b, uint64_t *random);
};

extern const struct kernel kernel_table[KERNEL_COUNT];

/* By its symbol, "tl_rope"; NULL: there is none. */
const struct kernel *kernel_find(const char *symbol);

/* call.c: call_rope() and so on; fills.c: fill_rope(). */
#define KERNEL(name, tolerance, floor, swap, long_prompt, declaration)                             \
	void call_##name(sandbox_fn *fn, struct kernel_call *c);                                   \
	void fill_##name(struct battery *b, uint64_t *random);
#include "kernels.def"
#undef KERNEL

/* ---- the battery ----------------------------------------------------------------------------- */

/* The inputs that a seed draws, the same on every machine.  Release it. */
void battery_make(struct battery *b, const struct kernel *k, uint64_t seed);
void battery_release(struct battery *b);

/* One more call of a group, without arrays; and an array of it, its data zeroed. */
struct kernel_call *battery_add(struct battery *b, const char *group);
void *call_array(struct kernel_call *c, const char *name, size_t size, enum sandbox_access access,
		 int n_dims, const int64_t *dims, const char *const *axes);

/* ---- judging --------------------------------------------------------------------------------- */

/* Where numbers differ most. */
struct difference {
	double error; /* relative; INFINITY: NaN, or one is infinite */
	double allowed;
	int64_t at; /* the element, -1: nothing differs */
	float want, got;
	int64_t n_unwritten, first_unwritten;
};

/*
 * got[n] against want[n], rows of `row` elements: an error is relative to the element or to `floor`
 * of the largest finite one of its row.
 */
struct difference difference_of(const float *want, const float *got, int64_t n, int64_t row,
				double floor);

/* "head 0, position 7, element 1" of element `at` of an array of the call. */
void judge_index(const struct kernel_call *c, const struct kernel_array *a, int64_t at,
		 struct text *out);

/* ---- a trial: one library over a battery ----------------------------------------------------- */

struct trial {
	struct battery *battery; /* of whose calls the inputs are taken */
	float **outputs;         /* of each call: all its outputs, one behind the other */
	int *picked;
	int n_done;     /* calls that came to their end, in both rounds */
	bool is_done;   /* all of them */
	int at;         /* the call that did not */
	char says[600]; /* why */
	struct text printed;
	bool remembers; /* the same call gave something else in another order */
};

/*
 * Run fn of the library over the battery, twice: the arrays' ends at the guards, then their
 * beginnings and the calls in the opposite order.  Release it whatever happens.
 */
struct trial_of {
	const char *file, *library, *symbol;
	double wall_seconds;
	bool is_sanitized;
	const volatile sig_atomic_t *interrupted;
};
int trial_run(struct trial *t, struct battery *b, const struct trial_of *of, struct err *err);
void trial_release(struct trial *t);

/* What our own function gives for every call. */
void trial_reference(struct trial *t, struct battery *b);

/* Call i of a trial against that of another: the worst of all outputs, `array` is which one. */
struct difference trial_difference(const struct trial *want, const struct trial *got, int i,
				   int *array);

/* The worst of all calls, as a share of what is allowed; NAN-free, INFINITY where it did not end.
 */
double trial_error(const struct trial *want, const struct trial *got);

/* ---- in the model ---------------------------------------------------------------------------- */

/* fn[id] computes instead of the engine's, in every place; NULL: the engine does. */
struct sites {
	sandbox_fn *fn[KERNEL_COUNT];
	const struct model *model;
	struct executor *executor;
	struct hook hook;
	struct kernels kernels; /* what the executor is to be given */
	const struct kernels *engine;
};

/* Kernels for an executor to come; one set of sites of a process is in force at a time. */
void sites_init(struct sites *s, const struct model *m, const struct kernels *engine);
/* The rest, once the executor is there: before its first pass. */
int sites_attach(struct sites *s, struct executor *ex, struct hook **hooks, struct err *err);
/* Make the next calls of s->kernels those of s. */
void sites_use(struct sites *s);
void sites_release(struct sites *s);

/* What two runs beside each other found, in memory that is shared. */
struct divergence {
	bool found;
	bool is_prefill;
	int pass;
	char point[128];  /* "model.layers.0.self_attn:q_rot" */
	char before[128]; /* the last point that was the same; "" */
	char index[160];  /* "position 3, head 0, element 1" */
	double error, allowed, want, got;
	int64_t n_points; /* that were compared */
	double worst;     /* of those that are the same, as a share of what is allowed */
	char failed[300]; /* the run itself failed */
};

struct swap {
	const char *model; /* a path, or */
	struct model *opened;
	const struct kernels *engine;
	const char *const *files, *const *libraries;
	const struct kernel *const *kernels; /* n of all three */
	int n;
	int n_prompt, n_decode;
	double tolerance, cpu_seconds, wall_seconds;
	uint64_t seed;
	const volatile sig_atomic_t *interrupted;

	struct divergence found;
	bool is_done;
	char says[600];
	struct text printed;
};

/* Run the model with the learner's functions beside the engine's, in the sandbox. */
int swap_run(struct swap *s, struct err *err);
void swap_release(struct swap *s);

/* Append "identical until `POINT`: position 3, head 0: want …". */
void divergence_say(const struct divergence *d, struct text *out);

/* twin.c: in the child. */
int twin_run(const struct swap *s, sandbox_fn *const *fn, struct divergence *found,
	     struct err *err);

/* How fast tl_linear_fast is: so many times the plain loop, and whether it was right then. */
struct speed {
	double times;
	bool is_done, is_right;
	char says[600];
};
int speed_run(struct speed *s, const char *file, const char *library, const struct classroom *room,
	      struct err *err);

/*
 * Record the prompt of the exercise's lesson with the library's function into `mine`, without into
 * `reference`.  What is wrong with the code itself is appended to `why`.
 */
int kernel_record(const struct classroom *room, const struct exercise *e, const char *library,
		  const char *mine, const char *reference, struct text *why, struct err *err);

/* ---- wrong answers that are known ------------------------------------------------------------ */

struct wrong {
	const struct course_file *file;
	char *key, *says;
};

/* Those of a kernel exercise: files wrong/KEY.c of its lesson with its id; and equivalent/.
 * Returns how many; free with wrong_release(). */
int wrong_list(const struct classroom *room, const struct exercise *e, const char *folder,
	       struct wrong **out);
void wrong_release(struct wrong *w, int n);

/*
 * The one whose outputs are those of `got`: *meant, -1: none.  ERR_* of the environment.
 */
int wrong_meant(const struct classroom *room, const struct wrong *w, int n, struct battery *b,
		const struct trial *got, int *meant, struct err *err);

/* ---- what must not pass ---------------------------------------------------------------------- */

#define STUB_COUNT 6
extern const char *const stub_names[STUB_COUNT];
/* Append a file that does nothing of what it should: zeros, a copy of the input, … */
void stub_write(const struct kernel *k, int stub, struct text *out);

#endif
