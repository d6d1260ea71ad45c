/* SPDX-License-Identifier: MIT */
/*
 * One producer is stopped, at a moment of its own, and stays so: what still comes out from the others? Many tries, as
 * what matters is whether the moment lies between two steps of a put. Processes are stopped by SIGSTOP; a thread is held
 * in a signal handler, which stops it between the same two instructions.
 */
#include "harness/channel.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/scenarios.h"

enum {
	STALL_MAX = 64, /* parties of a kind */
	LEN_MOST = 64,  /* bytes of a record */
	STALL_TRIES = 12,
	WARM_US = 20000,
	BASE_US = 30000,
	SETTLE_US = 8000, /* the others may go on until the queue is full, or empty up to where the stopped one is */
	LOOK_US = 12000,
	SHOW_EACH = 16, /* records after which a consumer shows how many it got */
};

struct counter {
	_Alignas(64) _Atomic uint64_t records;
};

struct stall_shared {
	struct bench_gate gate;
	struct counter got[STALL_MAX];
};

struct stall {
	const struct scenario *s;
	struct channel channel;
	struct stall_shared *shared;
	pthread_t threads[STALL_MAX]; /* of producers, or */
	pid_t pids[STALL_MAX];
};

struct stall_role {
	const struct stall *stall;
	unsigned index;
};

static void stall_producer(void *arg)
{
	const struct stall_role *role = arg;
	const struct stall *t = role->stall;
	char record[LEN_MOST] = {0};
	struct end end;

	channel_join(&t->channel, &end, true, role->index);
	bench_arrive(&t->shared->gate, t->s->producers + t->s->consumers + 1);
	for (uint64_t i = 1;; i++) {
		record_stamp(record, t->s->len, i);
		end_put(&end, record, t->s->len);
	}
}

static void stall_consumer(void *arg)
{
	const struct stall_role *role = arg;
	const struct stall *t = role->stall;
	_Atomic uint64_t *shown = &t->shared->got[role->index].records;
	char record[LEN_MOST];
	struct end end;

	channel_join(&t->channel, &end, false, role->index);
	bench_arrive(&t->shared->gate, t->s->producers + t->s->consumers + 1);
	for (uint64_t i = 1; end_get(&end, record, t->s->len); i++) {
		record_check(record, t->s->len);
		if (i % SHOW_EACH == 0)
			atomic_store_explicit(shown, i, memory_order_relaxed);
	}
}

/* Records a second that come out in so many microseconds. */
static double rate(const struct stall *t, unsigned us)
{
	uint64_t begin = bench_now(), sum = 0;

	for (unsigned i = 0; i < t->s->consumers; i++)
		sum -= atomic_load_explicit(&t->shared->got[i].records, memory_order_relaxed);
	usleep(us);
	for (unsigned i = 0; i < t->s->consumers; i++)
		sum += atomic_load_explicit(&t->shared->got[i].records, memory_order_relaxed);
	return (double)sum * 1e9 / (double)(bench_now() - begin);
}

/* Between who holds and who is held: the next is not asked before the last has gone on. */
enum { FREE, ASKED, HELD, RELEASED };
static _Atomic int hold_state;

static void hold(int signal)
{
	const struct timespec tick = {.tv_nsec = 200000};

	(void)signal;
	atomic_store(&hold_state, HELD);
	while (atomic_load(&hold_state) != RELEASED)
		nanosleep(&tick, NULL);
	atomic_store(&hold_state, FREE);
}

static void hold_until(int state)
{
	while (atomic_load(&hold_state) != state)
		usleep(50);
}

static void stop_one(const struct stall *t, unsigned who)
{
	int status;

	if (t->s->threads) {
		atomic_store(&hold_state, ASKED);
		pthread_kill(t->threads[who], SIGUSR1);
		hold_until(HELD);
		return;
	}
	kill(t->pids[who], SIGSTOP);
	if (waitpid(t->pids[who], &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
		bench_die(0, "a producer ended");
}

static void let_go(const struct stall *t, unsigned who)
{
	if (!t->s->threads) {
		kill(t->pids[who], SIGCONT);
		return;
	}
	atomic_store(&hold_state, RELEASED);
	hold_until(FREE);
}

static void stall_start(struct stall *t, struct stall_role *roles)
{
	struct sigaction action = {.sa_handler = hold, .sa_flags = SA_RESTART};
	const struct scenario *s = t->s;

	sigaction(SIGUSR1, &action, NULL);
	for (unsigned i = 0; i < s->producers + s->consumers; i++) {
		bool puts = i < s->producers;
		void (*body)(void *arg) = puts ? stall_producer : stall_consumer;

		roles[i] = (struct stall_role){t, puts ? i : i - s->producers};
		if (!puts)
			bench_start(!s->threads, body, &roles[i]);
		else if (s->threads)
			t->threads[i] = bench_thread(body, &roles[i]);
		else
			t->pids[i] = bench_fork(body, &roles[i]);
	}
	bench_arrive(&t->shared->gate, s->producers + s->consumers + 1);
}

/*
 * The value is the median rate while one is stopped. Frozen is a try in which no more than a hundredth of what came before
 * came out. The parties are not asked to end, as some cannot: they go with this process.
 */
void scenario_stall(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct stall t = {.s = s, .channel = scenario_channel(s, s->producers, s->consumers)};
	struct stall_role roles[2 * STALL_MAX];
	double rates[STALL_TRIES], base;
	struct bench_spread spread;
	unsigned frozen = 0;

	scenario_check_len(s, LEN_MOST);
	(void)n;
	t.shared = bench_shared(sizeof(*t.shared));
	stall_start(&t, roles);
	srandom((unsigned)bench_now());
	usleep(WARM_US);
	base = rate(&t, BASE_US);
	for (unsigned i = 0; i < STALL_TRIES; i++) {
		unsigned who = (unsigned)random() % s->producers;

		usleep(1000 + (unsigned)random() % 3000);
		stop_one(&t, who);
		usleep(SETTLE_US);
		rates[i] = rate(&t, LOOK_US);
		frozen += rates[i] <= base / 100;
		let_go(&t, who);
	}
	spread = bench_spread(rates, STALL_TRIES);
	out->value = spread.median / 1e6;
	out->figures[BASE] = base / 1e6;
	out->figures[WORST] = spread.min / 1e6;
	out->figures[FROZEN] = (double)frozen / STALL_TRIES;
	_exit(0);
}
