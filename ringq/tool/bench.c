/* SPDX-License-Identifier: MIT */

/*
 * What to expect of the library that is installed, on this machine, before a line of code is written: some figures beside
 * those of a pipe of the system, and of a cache line that two processors hand to each other, which is the machine's floor. The
 * figures that comparisons are made of come from more careful programs: docs/benchmarks.md.
 */

#include "tool.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHILDREN_MOST = 4,
	BATCH = 16, /* round trips for each look at the clock */
	BATCHES_MOST = 1 << 16,
	SIZE_MOST = 4096, /* what a pipe takes whole */
};

static int64_t each = RINGQ_SEC(1);
static uint64_t record_size = 64;

/* ---- the stage: shared by forks ---- */

struct line {
	_Alignas(128) _Atomic uint64_t word;
};

static struct shared {
	struct line ping, pong;
	struct line counts[CHILDREN_MOST]; /* records that a consumer took */
} * shared;

struct carrier {
	ringq_queue *queue; /* NULL: a pipe */
	int pipe[2];
};

static pid_t children[CHILDREN_MOST];
static unsigned child_count;
static cpu_set_t cpus;

static void pin(unsigned n)
{
	unsigned all = (unsigned)CPU_COUNT(&cpus), want = all ? n % all : 0;
	cpu_set_t one;
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus) && want-- == 0)
			CPU_SET(i, &one);
	sched_setaffinity(0, sizeof one, &one);
}

/* True in the child, which goes when it is killed, or its parent is. */
static bool begin_child(int *error)
{
	pid_t parent = getpid(), child = fork();
	*error = child < 0 ? -errno : 0;
	if (child > 0)
		children[child_count++] = child;
	if (child != 0)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	pin(child_count + 1);
	return true;
}

static void end_children(void)
{
	for (unsigned i = 0; i < child_count; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	child_count = 0;
}

static int make_carrier(struct carrier *c, ringq_region *region)
{
	*c = (struct carrier){.pipe = {-1, -1}};
	if (region)
		return ringq_queue_create(&c->queue, region, NULL);
	return pipe(c->pipe) ? -errno : 0;
}

static void end_carrier(struct carrier *c)
{
	ringq_queue_release(c->queue);
	for (int i = 0; i < 2; i++)
		if (!c->queue && c->pipe[i] >= 0)
			close(c->pipe[i]);
}

static bool carry_in(struct carrier *c, const void *data, int64_t timeout)
{
	if (!c->queue)
		return write(c->pipe[1], data, record_size) == (ssize_t)record_size;
	int e = ringq_put(c->queue, data, record_size, timeout);
	while (e == -EAGAIN || e == -ETIMEDOUT)
		e = ringq_put(c->queue, data, record_size, timeout);
	return e == 0;
}

static bool carry_out(struct carrier *c, void *data, int64_t timeout)
{
	if (!c->queue)
		return read(c->pipe[0], data, record_size) == (ssize_t)record_size;
	ssize_t n = ringq_get(c->queue, data, record_size, timeout);
	while (n == -EAGAIN || n == -ETIMEDOUT)
		n = ringq_get(c->queue, data, record_size, timeout);
	return n == (ssize_t)record_size;
}

/* ---- round trips ---- */

struct trip {
	struct carrier *there, *back; /* NULL: the raw line */
	int64_t timeout;
};

static void relax(unsigned *spins)
{
	if (CPU_COUNT(&cpus) < 2 || ++*spins % 4096 == 0)
		sched_yield();
}

static void answer(const struct trip *t)
{
	char data[SIZE_MOST];
	unsigned spins = 0;
	for (uint64_t n = 1;; n++) {
		if (t->there) {
			if (!carry_out(t->there, data, t->timeout) || !carry_in(t->back, data, t->timeout))
				_exit(1);
			continue;
		}
		while (atomic_load_explicit(&shared->ping.word, memory_order_acquire) != n)
			relax(&spins);
		atomic_store_explicit(&shared->pong.word, n, memory_order_release);
	}
}

static bool one_trip(const struct trip *t, uint64_t n)
{
	char data[SIZE_MOST] = {0};
	unsigned spins = 0;
	if (t->there)
		return carry_in(t->there, data, t->timeout) && carry_out(t->back, data, t->timeout);
	atomic_store_explicit(&shared->ping.word, n, memory_order_release);
	while (atomic_load_explicit(&shared->pong.word, memory_order_acquire) != n)
		relax(&spins);
	return true;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The median of one trip, in nanoseconds: of batches, so that the clock's own time does not count. */
static int measure_trip(const struct trip *t, uint64_t *ns)
{
	uint64_t *batches = calloc(BATCHES_MOST, sizeof *batches), trip = 0;
	size_t n = 0;
	int error = batches ? 0 : -ENOMEM;
	memset(shared, 0, sizeof *shared);
	if (error == 0 && begin_child(&error))
		answer(t);
	int64_t now = now_ns(), end = now + each;
	bool good = error == 0;
	while (good && now < end && n < BATCHES_MOST && !tool_stopped) {
		for (unsigned i = 0; good && i < BATCH; i++)
			good = one_trip(t, ++trip);
		int64_t then = now_ns();
		batches[n++] = (uint64_t)(then - now);
		now = then;
	}
	end_children();
	if (n)
		qsort(batches, n, sizeof *batches, by_value);
	*ns = n ? (batches[n / 2] + BATCH / 2) / BATCH : 0;
	free(batches);
	return error ? error : good ? 0 : -EIO;
}

/* ---- streams ---- */

static void produce(struct carrier *c)
{
	char data[SIZE_MOST] = {0};
	while (carry_in(c, data, RINGQ_FOREVER)) {}
	_exit(1);
}

static void consume(struct carrier *c, _Atomic uint64_t *count)
{
	char data[SIZE_MOST];
	while (carry_out(c, data, RINGQ_FOREVER))
		atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
	_exit(1);
}

static uint64_t all_taken(void)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < CHILDREN_MOST; i++)
		n += atomic_load_explicit(&shared->counts[i].word, memory_order_relaxed);
	return n;
}

/* Records a second, from so many producers to as many consumers. */
static int measure_stream(struct carrier *c, unsigned pairs, uint64_t *rate)
{
	int error = 0;
	memset(shared, 0, sizeof *shared);
	for (unsigned i = 0; i < pairs && error == 0; i++) {
		if (begin_child(&error))
			produce(c);
		if (error == 0 && begin_child(&error))
			consume(c, &shared->counts[i].word);
	}
	tool_sleep(error ? 0 : each / 5); /* until it is under way */
	int64_t begin = now_ns();
	uint64_t before = all_taken();
	tool_sleep(error ? 0 : each - each / 5);
	uint64_t taken = all_taken() - before;
	int64_t span = now_ns() - begin;
	end_children();
	*rate = span > 0 ? (uint64_t)((double)taken * 1e9 / (double)span) : 0;
	return error;
}

/* A put and a get by one thread: what calls cost, with nobody beside them. */
static int measure_calls(struct carrier *c, uint64_t *ns)
{
	char data[SIZE_MOST] = {0};
	uint64_t n = 0;
	int64_t begin = now_ns(), now = begin;
	bool good = true;
	for (; good && now - begin < each / 2 && !tool_stopped; now = now_ns())
		for (unsigned i = 0; good && i < 64; i++, n++)
			good = carry_in(c, data, RINGQ_NOWAIT) && carry_out(c, data, RINGQ_NOWAIT);
	*ns = n ? (uint64_t)((double)(now - begin) / (double)n + 0.5) : 0;
	return good ? 0 : -EIO;
}

/* ---- all of it ---- */

static const struct column columns[] = {
	{"measure", "MEASURE", false, false},
	{"carrier", "CARRIER", false, false},
	{"figure", "FIGURE", true, false},
	{"unit", "UNIT", false, false},
};

static int add(struct table *t, const char *measure, const char *carrier, const char *unit, uint64_t figure, int error)
{
	if (error || tool_stopped)
		return error;
	table_text(t, measure);
	table_text(t, carrier);
	table_number(t, figure);
	table_text(t, unit);
	return 0;
}

/* With the carriers of one kind: region NULL, pipes. */
static int measure_all(struct table *t, ringq_region *region)
{
	struct carrier a, b = {.pipe = {-1, -1}};
	const char *name = region ? "ringq" : "pipe";
	uint64_t figure = 0;
	int e = make_carrier(&a, region);
	if (e == 0)
		e = make_carrier(&b, region);
	struct trip polling = {&a, &b, RINGQ_NOWAIT}, waiting = {&a, &b, RINGQ_FOREVER};
	if (e == 0 && !tool_stopped) {
		e = measure_calls(&a, &figure);
		e = add(t, "put and get, one thread", name, "ns", figure, e);
	}
	if (e == 0 && region && !tool_stopped) {
		e = measure_trip(&polling, &figure);
		e = add(t, "round trip, polling", name, "ns", figure, e);
	}
	if (e == 0 && !tool_stopped) {
		e = measure_trip(&waiting, &figure);
		e = add(t, "round trip, waiting", name, "ns", figure, e);
	}
	end_carrier(&a);
	end_carrier(&b);
	for (unsigned pairs = 1; pairs <= 2 && e == 0 && !tool_stopped; pairs++) {
		e = make_carrier(&a, region); /* what was under way above is none of this one's */
		if (e == 0)
			e = measure_stream(&a, pairs, &figure);
		e = add(t, pairs == 1 ? "stream, 1 to 1" : "stream, 2 to 2", name, "records/s", figure, e);
		end_carrier(&a);
	}
	return e;
}

static int measure(struct table *t)
{
	ringq_region *region = NULL;
	const struct trip line = {0};
	uint64_t figure;
	int e = measure_trip(&line, &figure);
	e = add(t, "round trip, polling", "raw line", "ns", figure, e);
	if (e == 0)
		e = ringq_region_create(&region, NULL);
	if (e == 0)
		e = measure_all(t, region);
	ringq_region_detach(region);
	return e ? e : tool_stopped ? 0 : measure_all(t, NULL);
}

static int run(int argc, char **argv)
{
	(void)argc, (void)argv;
	if (record_size < 1 || record_size > SIZE_MOST)
		return usage("--size is from 1 to %d", SIZE_MOST);
	if (each < RINGQ_MS(1) || each > RINGQ_SEC(60))
		return usage("--time is from 1ms to 60");
	sched_getaffinity(0, sizeof cpus, &cpus);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct table *t = table_new("figures", columns, sizeof columns / sizeof *columns);
	if (shared == MAP_FAILED || !t)
		return fail(-ENOMEM, "bench");
	if (!common.json && !common.no_header) {
		printf("%d processors, records of %d bytes, %s for each figure; the raw line is the machine's "
		       "floor.\n\n",
			CPU_COUNT(&cpus), (int)record_size, show_span(each));
		fflush(stdout); /* no child is to have it too */
	}
	tool_catch_signals();
	cpu_set_t all = cpus;
	pin(0);
	int e = measure(t);
	sched_setaffinity(0, sizeof all, &all);
	munmap(shared, sizeof *shared);
	int r = table_print(t);
	return tool_stopped ? STATUS_NO : e ? fail(e, "bench") : r;
}

static const struct option_spec options[] = {
	{0, "time", "TIME", OPTION_TIME, &each, "measure each figure so long; 1"},
	{0, "size", "SIZE", OPTION_SIZE, &record_size, "of a record, up to 4096; 64"},
	OPTIONS_TABLE,
	OPTIONS_END,
};

const struct command bench_command = {"bench", run, "",
	"Measures the library on this machine, beside a pipe and the machine's floor", options, 0, 0, false};
