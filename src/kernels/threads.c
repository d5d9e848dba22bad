/*
 * threads.c -- a pool whose workers join a loop when they can, and are never waited for otherwise.
 *
 * The one idea: a loop is published as a GATE, one atomic word that holds the loop's number, an
 * OPEN bit and how many workers are inside.  A worker enters by a compare-and-swap that fails
 * once the gate has closed.  The caller works too, closes the gate when no items are left, and
 * waits only for workers that are inside, each busy with its last item.  A worker that the
 * system has not scheduled therefore delays nobody: with a busy neighbour on the other CPU the
 * caller simply does all the items itself.
 *
 *	gate:   loop number (from bit 17 up) | OPEN (bit 16) | workers inside (bits 0..15)
 *
 * With a busy neighbour two things cost: a worker that loses its CPU while it is inside, and one
 * that is put on the caller's CPU when it wakes.  So workers yield between loops before their time
 * is up, and move away when they find themselves where the caller is.
 *
 * Waiting is spinning for some tens of microseconds, the length of the gaps between two loops of
 * a forward pass, then sleeping on a condition variable.  Only pthread and C11 atomics.
 */
#include "this_cpu.h"

#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/threads.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define INSIDE_MASK 0xffffu
#define OPEN        0x10000u
#define LOOP_ONE    0x20000u
#define MAX_THREADS 1024

/* Iterations of spin_pause() before a thread goes to sleep: 20 to 60 us, by CPU. */
#define SPINS 2000

/* A worker that has been busy that long yields its CPU: less than a time slice of the system's. */
#define YIELD_NS 1000000

/* Enough for any kernel, whatever `ulimit -s` says: what is large lies on no stack. */
#define STACK_BYTES ((size_t)512 << 10)

struct worker {
	struct threads *pool;
	pthread_t thread;
	int index;
};

struct threads {
	int n;
	_Atomic uint64_t gate;

	/* The published loop; written while nobody is inside. */
	void (*body)(void *ctx, int64_t i, int worker);
	void *ctx;
	int64_t n_items;
	_Atomic int64_t next;
	_Atomic int caller_cpu; /* where the caller was when it published; -1: unknown */
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends a loop early */

	/* Sleeping and waking. */
	pthread_mutex_t lock;
	pthread_cond_t published, left;
	_Atomic int sleepers;
	_Atomic bool caller_sleeps;
	_Atomic bool stop;

	struct worker workers[];
};

/*
 * Workers that were created and do not run our code yet, of all pools.  Until then they may be
 * inside of an allocator, and who copies the process meanwhile copies a lock that nobody opens.
 */
static _Atomic int starting;

static void await_started(void)
{
	while (atomic_load(&starting) > 0)
		sched_yield();
}

static void guard_forks(void)
{
	pthread_atfork(await_started, NULL, NULL);
}

static void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static bool is_interrupted(const struct threads *pool)
{
	return pool->interrupted && *pool->interrupted;
}

static void work(struct threads *pool, int worker)
{
	int64_t n = pool->n_items;

	for (;;) {
		int64_t i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);

		if (i >= n || is_interrupted(pool))
			return;
		pool->body(pool->ctx, i, worker);
	}
}

/* Is there a loop that is open and not the one numbered `seen`? */
static bool gate_is_new(uint64_t gate, uint64_t seen)
{
	return (gate & OPEN) && gate / LOOP_ONE != seen;
}

/*
 * Let others have the CPU now and then, between two loops: the system would give it to them anyway,
 * and rather while this worker is inside, where the caller waits for it.
 */
static void make_way(int64_t *since)
{
	if (clock_ns() - *since < YIELD_NS)
		return;
	sched_yield();
	*since = clock_ns();
}

/* Wait for a gate to join; false when the pool is being freed. */
static bool await_gate(struct threads *pool, uint64_t seen)
{
	for (int i = 0; i < SPINS; i++) {
		if (gate_is_new(atomic_load(&pool->gate), seen))
			return true;
		if (atomic_load(&pool->stop))
			return false;
		spin_pause();
	}
	/*
	 * sleepers is raised before the gate is looked at again, and threads_for() looks at
	 * sleepers after it has opened the gate: one of the two sees the other.
	 */
	pthread_mutex_lock(&pool->lock);
	atomic_fetch_add(&pool->sleepers, 1);
	while (!gate_is_new(atomic_load(&pool->gate), seen) && !atomic_load(&pool->stop))
		pthread_cond_wait(&pool->published, &pool->lock);
	atomic_fetch_sub(&pool->sleepers, 1);
	pthread_mutex_unlock(&pool->lock);
	return !atomic_load(&pool->stop);
}

static void leave(struct threads *pool)
{
	uint64_t gate = atomic_fetch_sub(&pool->gate, 1) - 1;

	if ((gate & (OPEN | INSIDE_MASK)) == 0 && atomic_load(&pool->caller_sleeps)) {
		pthread_mutex_lock(&pool->lock);
		pthread_cond_signal(&pool->left);
		pthread_mutex_unlock(&pool->lock);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct threads *pool = w->pool;
	uint64_t seen = 0;
	int64_t since = clock_ns();

	atomic_fetch_sub(&starting, 1);
	while (await_gate(pool, seen)) {
		uint64_t gate = atomic_load(&pool->gate);

		if (!gate_is_new(gate, seen))
			continue;
		if (leave_cpu(atomic_load(&pool->caller_cpu)))
			continue; /* the gate may have closed meanwhile */
		if (!atomic_compare_exchange_strong(&pool->gate, &gate, gate + 1))
			continue;
		seen = gate / LOOP_ONE;
		work(pool, w->index);
		leave(pool);
		make_way(&since);
	}
	return NULL;
}

/* The caller has found no items left: let nobody in and wait for those inside. */
static void close_gate(struct threads *pool)
{
	atomic_fetch_and(&pool->gate, ~(uint64_t)OPEN);
	for (int i = 0; i < SPINS; i++) {
		if ((atomic_load(&pool->gate) & INSIDE_MASK) == 0)
			return;
		spin_pause();
	}
	pthread_mutex_lock(&pool->lock);
	atomic_store(&pool->caller_sleeps, true);
	while ((atomic_load(&pool->gate) & INSIDE_MASK) != 0)
		pthread_cond_wait(&pool->left, &pool->lock);
	atomic_store(&pool->caller_sleeps, false);
	pthread_mutex_unlock(&pool->lock);
}

static void open_gate(struct threads *pool)
{
	uint64_t loop = atomic_load(&pool->gate) / LOOP_ONE + 1;

	atomic_store(&pool->gate, loop * LOOP_ONE | OPEN);
	if (atomic_load(&pool->sleepers) > 0) {
		pthread_mutex_lock(&pool->lock);
		pthread_cond_broadcast(&pool->published);
		pthread_mutex_unlock(&pool->lock);
	}
}

void threads_for(struct threads *pool, int64_t n, void (*body)(void *ctx, int64_t i, int worker),
		 void *ctx)
{
	if (!pool || pool->n == 1 || n <= 1) {
		for (int64_t i = 0; i < n && !(pool && is_interrupted(pool)); i++)
			body(ctx, i, 0);
		return;
	}
	assert((atomic_load(&pool->gate) & OPEN) == 0);
	pool->body = body;
	pool->ctx = ctx;
	pool->n_items = n;
	atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->caller_cpu, this_cpu(), memory_order_relaxed);
	open_gate(pool);
	work(pool, 0);
	close_gate(pool);
}

/*
 * A worker is born with the signals blocked that come from outside: they are for the thread that
 * waits at the terminal, which they wake only there.  Those of its own faults it takes itself.
 */
static void block_signals(sigset_t *before)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, before);
}

/* Start workers until the pool has n threads; pool->n counts those that run. */
static int start_workers(struct threads *pool, int n)
{
	pthread_attr_t attr;
	sigset_t before;
	int failed = pthread_attr_init(&attr);

	if (failed)
		return failed;
	failed = pthread_attr_setstacksize(&attr, STACK_BYTES);
	block_signals(&before);
	while (pool->n < n && !failed) {
		struct worker *w = &pool->workers[pool->n];

		w->pool = pool;
		w->index = pool->n;
		atomic_fetch_add(&starting, 1);
		failed = pthread_create(&w->thread, &attr, worker_main, w);
		if (failed)
			atomic_fetch_sub(&starting, 1);
		else
			pool->n++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return failed;
}

struct threads *threads_new(int n, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct threads *pool;
	int failed;

	if (n < 1 || n > MAX_THREADS) {
		err_set(err, ERR_USAGE, "cannot use %d threads: 1 to %d are possible", n,
			MAX_THREADS);
		return NULL;
	}
	pool = mem_calloc(1, sizeof(*pool) + (size_t)n * sizeof(pool->workers[0]));
	pool->n = 1;
	atomic_init(&pool->caller_cpu, -1);
	pthread_once(&once, guard_forks);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->published, NULL);
	pthread_cond_init(&pool->left, NULL);
	failed = start_workers(pool, n);
	if (failed) {
		err_set(err, ERR_IO, "cannot start thread %d of %d: %s", pool->n + 1, n,
			strerror(failed));
		threads_free(pool);
		return NULL;
	}
	return pool;
}

void threads_free(struct threads *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	atomic_store(&pool->stop, true);
	pthread_cond_broadcast(&pool->published);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 1; i < pool->n; i++)
		pthread_join(pool->workers[i].thread, NULL);
	pthread_cond_destroy(&pool->left);
	pthread_cond_destroy(&pool->published);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void threads_interrupt(struct threads *pool, const volatile sig_atomic_t *flag)
{
	if (pool)
		pool->interrupted = flag;
}

int threads_count(const struct threads *pool)
{
	return pool ? pool->n : 1;
}
