/* SPDX-License-Identifier: MIT */

/*
 * A wake-up that dies with somebody is not lost, nor one that stays with somebody who is stopped. Each case is made to
 * happen at its worst instant, by replacing a system call in the one who is to die there.
 *
 * Sleeps that look at the leases have no bound here, so that only a death that is seen ends them; where none can be seen
 * at once they have theirs. If a sleeper sleeps on, the alarm tells. And an idle sleeper is woken a few times, not more.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "base/sys.h"

#define SLEEPERS_MOST 4
#define CROWD 130 /* more members than one sleep can watch */

static int (*real_waitv)(const struct rq_sys_wait *waits, unsigned n, int64_t until);
static int (*real_wait)(const _Atomic uint32_t *word, uint32_t value, int64_t until);
static int (*real_wake)(const _Atomic uint32_t *word, int n);

/* Who sleeps, in memory that the others of its case see. */
struct sleeper {
	pid_t id;
	atomic_int sleeps; /* begun, by the call that this is about */
	atomic_int deep;   /* of those, the ones that look at the leases */
};

static _Thread_local struct sleeper *self; /* NULL: none of those */

static int counted_wait(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	if (self)
		self->sleeps++;
	return real_wait(word, value, until);
}

static int counted_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	if (self) {
		self->sleeps++;
		self->deep += n > 1;
	}
	return real_waitv(waits, n, until);
}

/* On one word it is the first of ringq_wait_any(), which looks at no lease. */
static int unbounded_waitv(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	return counted_waitv(waits, n, n > 1 ? -1 : until);
}

static int die_instead_of_waking(const _Atomic uint32_t *word, int n)
{
	(void)word, (void)n;
	return raise(SIGKILL);
}

static int stop_before_waking(const _Atomic uint32_t *word, int n)
{
	rq_sys.futex_wake = real_wake;
	raise(SIGSTOP);
	return real_wake(word, n);
}

static int die_when_woken(const _Atomic uint32_t *word, uint32_t value, int64_t until)
{
	(void)until;
	if (counted_wait(word, value, -1) == 0)
		raise(SIGKILL);
	return 0;
}

/* Dies instead of telling the others who watch the same lease. */
static int die_when_death_is_seen(const struct rq_sys_wait *waits, unsigned n, int64_t until)
{
	(void)until;
	int r = counted_waitv(waits, n, -1);
	if (r > 1)
		raise(SIGKILL);
	return r;
}

/* ---- what can be waited for ---- */

struct side {
	const char *name;
	struct ringq_queue_options options;
	void (*prepare)(ringq_queue *queue); /* by the test: nobody can go on after it */
	void (*enter)(ringq_queue *queue);   /* by each sleeper, likewise */
	int (*wait)(ringq_queue *queue);     /* goes on once for each give */
	int (*give)(ringq_queue *queue);
	bool shared; /* whoever waits can use what is given */
};

static void nothing(ringq_queue *queue)
{
	(void)queue;
}

static void put_some(ringq_queue *queue)
{
	for (int i = 0; i < SLEEPERS_MOST; i++)
		check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
}

static void put_one(ringq_queue *queue)
{
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
}

static int wait_to_get(ringq_queue *queue)
{
	return (int)get_number(queue, RINGQ_FOREVER);
}

static int wait_to_put(ringq_queue *queue)
{
	int r = put_number(queue, 1, RINGQ_FOREVER);
	return r ? r : 1;
}

static int give_record(ringq_queue *queue)
{
	return put_number(queue, 1, RINGQ_NOWAIT);
}

static int give_room(ringq_queue *queue)
{
	return get_number(queue, RINGQ_NOWAIT) == 1 ? 0 : -1;
}

static const struct side sides[] = {
	{"records", {0}, nothing, nothing, wait_to_get, give_record, true},
	{"places", {.max_records = SLEEPERS_MOST}, put_some, nothing, wait_to_put, give_room, true},
	{"bytes", {.max_bytes = 1}, nothing, put_one, wait_to_put, give_room, false},
};

/* ---- a case: some sleep, and one dies or is stopped ---- */

struct scene {
	const struct side *side;
	ringq_queue *queue;
	int expect;   /* of a wait */
	bool settled; /* the sleepers have slept for so long that a death wakes them; else their first sleep ends */
	int threads_begun;
	pthread_t threads[SLEEPERS_MOST];
	/* Shared with children. */
	struct sleeper sleepers[SLEEPERS_MOST];
	atomic_int begun, ready, gone_on, in_crowd, go_on;
};

static struct scene *scene_new(const char *name, const struct side *side, unsigned order)
{
	static char context[96];
	struct scene *s = share_memory(sizeof *s);
	struct ringq_queue_options options = side->options;
	options.order = order;
	s->side = side;
	s->expect = 1;
	s->queue = queue_new(&options);
	side->prepare(s->queue);
	snprintf(context, sizeof context, "(%s, %s, order %u)", name, side->name, order);
	test_context = context;
	return s;
}

static void sleep_once(struct scene *s)
{
	struct sleeper *sleeper = &s->sleepers[s->begun++];
	s->side->enter(s->queue);
	check_compare(ringq_size(s->queue), >=, 0); /* joins before it says so */
	sleeper->id = thread_id();
	self = sleeper;
	s->ready++;
	check_eq(s->side->wait(s->queue), s->expect);
	self = NULL;
	s->gone_on++;
}

static void *sleep_in_thread(void *scene)
{
	sleep_once(scene);
	return NULL;
}

static void await(const atomic_int *value, int least)
{
	int64_t deadline = now_ns() + 3 * TEST_SOON;
	while (*value < least) {
		check_compare(now_ns(), <, deadline);
		pause_ns(RINGQ_MS(1));
	}
}

/*
 * Until all who are ready sleep, from the first of these on: once at least, or settled. A bound that is a time would not do:
 * on a busy machine a call may look around for long before it sleeps.
 */
static void await_sleep(struct scene *s, int first, bool settled)
{
	for (int i = first, n = s->ready; i < n; i++) {
		await(settled ? &s->sleepers[i].deep : &s->sleepers[i].sleeps, 1);
		wait_asleep(s->sleepers[i].id);
	}
}

static void begin_sleepers(struct scene *s, int n)
{
	int before = s->ready;
	s->threads_begun = n;
	for (int i = 0; i < n; i++)
		s->threads[i] = start_thread(sleep_in_thread, s);
	await(&s->ready, before + n);
}

/* One goes on with what was there already; for the others there is more. */
static void end_sleepers(struct scene *s)
{
	await(&s->gone_on, 1);
	for (int i = 1; i < s->threads_begun; i++)
		check_eq(s->side->give(s->queue), 0);
	for (int i = 0; i < s->threads_begun; i++)
		join_thread(s->threads[i]);
	ringq_queue_release(s->queue);
}

/* Joins, which wakes sleepers too: not that is to be lost. They fall asleep again, knowing whom to watch. */
static void join(struct scene *s)
{
	int before[SLEEPERS_MOST], n = s->settled ? s->ready : 0;
	for (int i = 0; i < n; i++)
		before[i] = s->sleepers[i].deep;
	check_compare(ringq_size(s->queue), >=, 0);
	for (int i = 0; i < n; i++) {
		await(&s->sleepers[i].deep, before[i] + 1);
		wait_asleep(s->sleepers[i].id);
	}
}

static void give_and_die(void *scene)
{
	struct scene *s = scene;
	join(s);
	rq_sys.futex_wake = die_instead_of_waking;
	s->side->give(s->queue);
}

static void waker_dies(const struct side *side, unsigned order, int sleepers, bool settled)
{
	struct scene *s = scene_new(__func__, side, order);
	s->settled = settled;
	begin_sleepers(s, sleepers);
	await_sleep(s, 0, settled);
	await_death(fork_child(give_and_die, s));
	end_sleepers(s);
}

static void sleep_and_die(void *scene)
{
	rq_sys.futex_wait = die_when_woken;
	sleep_once(scene);
}

/* It sleeps before all others do, so that it is the one whom the kernel wakes. */
static void sleeper_dies(const struct side *side, unsigned order, int others, bool settled)
{
	struct scene *s = scene_new(__func__, side, order);
	pid_t child = fork_child(sleep_and_die, s);
	await(&s->ready, 1);
	await_sleep(s, 0, false);
	begin_sleepers(s, others);
	await_sleep(s, 1, settled);
	check_eq(side->give(s->queue), 0);
	await_death(child);
	end_sleepers(s);
}

static void sleep_and_die_with_news(void *scene)
{
	rq_sys.futex_waitv = die_when_death_is_seen;
	sleep_once(scene);
}

/* The kernel wakes only one of those who watch the lease of the dead. That one dies, too. */
static void watcher_dies(const struct side *side, unsigned order)
{
	struct scene *s = scene_new(__func__, side, order);
	s->settled = true;
	pid_t child = fork_child(sleep_and_die_with_news, s);
	await(&s->ready, 1);
	await_sleep(s, 0, true);
	begin_sleepers(s, 2);
	await_sleep(s, 0, true);
	await_death(fork_child(give_and_die, s));
	await_death(child);
	end_sleepers(s);
}

static void close_and_die(void *scene)
{
	struct scene *s = scene;
	join(s);
	rq_sys.futex_wake = die_instead_of_waking;
	ringq_close(s->queue);
}

static void closer_dies(const struct side *side, unsigned order)
{
	struct scene *s = scene_new(__func__, side, order);
	s->settled = true;
	s->expect = -EPIPE;
	begin_sleepers(s, SLEEPERS_MOST);
	await_sleep(s, 0, true);
	await_death(fork_child(close_and_die, s));
	for (int i = 0; i < s->threads_begun; i++)
		join_thread(s->threads[i]);
	ringq_queue_release(s->queue);
}

/* ---- beside more members than a sleep can watch, and where others wait in other ways ---- */

/* Looks rarely: a crowd that looks each millisecond keeps a slow machine busy. */
static void *stay_member(void *scene)
{
	struct scene *s = scene;
	join(s);
	s->in_crowd++;
	while (s->gone_on == 0)
		pause_ns(RINGQ_MS(50));
	return NULL;
}

static void waker_dies_in_a_crowd(const struct side *side)
{
	struct scene *s = scene_new(__func__, side, RINGQ_ORDER_TOTAL);
	pthread_t crowd[CROWD];
	s->settled = true;
	for (int i = 0; i < CROWD; i++)
		crowd[i] = start_thread(stay_member, s);
	await(&s->in_crowd, CROWD);
	begin_sleepers(s, 2);
	await_sleep(s, 0, true);
	await_death(fork_child(give_and_die, s));
	end_sleepers(s);
	for (int i = 0; i < CROWD; i++)
		join_thread(crowd[i]);
}

static void sleep_in_child(void *scene)
{
	sleep_once(scene);
}

static void *take_and_end(void *scene)
{
	struct scene *s = scene;
	struct ringq_delivery delivery;
	await(&s->go_on, 1);
	check_eq(ringq_take(s->queue, &delivery, RINGQ_NOWAIT), 0);
	s->go_on = 2;
	await(&s->go_on, 3);
	return NULL;
}

/* A thread of a crowd gives back what it had in hand: nobody watches its lease, so it tells by itself. */
static void taker_ends_in_a_crowd(void)
{
	struct scene *s = scene_new(__func__, &sides[0], RINGQ_ORDER_TOTAL);
	pthread_t crowd[CROWD], taker = start_thread(take_and_end, s);
	ringq_queue_release(s->queue);
	s->queue = queue_new(&(struct ringq_queue_options){.flags = RINGQ_ACKNOWLEDGED});
	s->settled = true;
	rq_sys.futex_waitv = unbounded_waitv;
	for (int i = 0; i < CROWD; i++)
		crowd[i] = start_thread(stay_member, s);
	await(&s->in_crowd, CROWD);
	put_one(s->queue);
	s->go_on = 1;
	await(&s->go_on, 2);
	pid_t child = fork_child(sleep_in_child, s);
	await(&s->ready, 1);
	await_sleep(s, 0, true);
	begin_sleepers(s, 1);
	await_sleep(s, 1, true);
	s->go_on = 3;
	await(&s->gone_on, 1);
	put_one(s->queue);
	join_thread(taker);
	reap_child(child);
	end_sleepers(s);
	for (int i = 0; i < CROWD; i++)
		join_thread(crowd[i]);
	rq_sys.futex_waitv = counted_waitv;
}

static void *wait_for_any(void *scene)
{
	struct scene *s = scene;
	self = &s->sleepers[0];
	self->id = thread_id();
	s->ready++;
	check_eq(ringq_wait_any(&s->queue, 1, RINGQ_FOREVER), 0);
	return NULL;
}

static void give_and_die_when_told(void *scene)
{
	struct scene *s = scene;
	await(&s->go_on, 1);
	give_and_die(s);
}

/* Its thread's sleeps have a bound. */
static void waker_dies_beside_a_descriptor(void)
{
	struct scene *s = scene_new(__func__, &sides[0], RINGQ_ORDER_TOTAL);
	/* Forked first: a child with the descriptor would have a thread for it, which wakes others as well. */
	pid_t child = fork_child(give_and_die_when_told, s);
	struct pollfd readable = {.fd = ringq_event_fd(s->queue), .events = POLLIN};
	check_compare(readable.fd, >=, 0);
	check_eq(get_number(s->queue, RINGQ_NOWAIT), -EAGAIN);
	s->go_on = 1;
	await_death(child);
	check_eq(poll(&readable, 1, 10000), 1);
	ringq_queue_release(s->queue);
}

static void waker_dies_beside_wait_any(void)
{
	struct scene *s = scene_new(__func__, &sides[0], RINGQ_ORDER_TOTAL);
	s->settled = true;
	rq_sys.futex_waitv = unbounded_waitv;
	pthread_t thread = start_thread(wait_for_any, s);
	await(&s->ready, 1);
	await_sleep(s, 0, true);
	await_death(fork_child(give_and_die, s));
	join_thread(thread);
	ringq_queue_release(s->queue);
	rq_sys.futex_waitv = counted_waitv;
}

/* ---- the stopped ---- */

static void stop_child(pid_t child)
{
	int status;
	check_eq(kill(child, SIGSTOP), 0);
	check_eq(waitpid(child, &status, WUNTRACED), child);
	check(WIFSTOPPED(status));
}

/* Stopped in its sleep, it is who is woken, as it slept first; and it does not move. */
static void sleeper_is_stopped(const struct side *side, unsigned order)
{
	struct scene *s = scene_new(__func__, side, order);
	pid_t child = fork_child(sleep_in_child, s);
	await(&s->ready, 1);
	await_sleep(s, 0, false);
	stop_child(child);
	begin_sleepers(s, 2);
	await_sleep(s, 1, true);
	check_eq(side->give(s->queue), 0);
	await(&s->gone_on, 1);
	check_eq(kill(child, SIGCONT), 0);
	check_eq(side->give(s->queue), 0);
	check_eq(side->give(s->queue), 0);
	reap_child(child);
	for (int i = 0; i < s->threads_begun; i++)
		join_thread(s->threads[i]);
	ringq_queue_release(s->queue);
}

static void give_and_stop(void *scene)
{
	struct scene *s = scene;
	join(s);
	rq_sys.futex_wake = stop_before_waking;
	check_eq(s->side->give(s->queue), 0);
}

static void waker_is_stopped(const struct side *side, unsigned order)
{
	struct scene *s = scene_new(__func__, side, order);
	s->settled = true;
	int status;
	begin_sleepers(s, 1);
	await_sleep(s, 0, true);
	pid_t child = fork_child(give_and_stop, s);
	check_eq(waitpid(child, &status, WUNTRACED), child);
	check(WIFSTOPPED(status));
	await(&s->gone_on, 1);
	check_eq(kill(child, SIGCONT), 0);
	reap_child(child);
	end_sleepers(s);
}

/* ---- what an idle sleeper costs ---- */

#define IDLE 8
#define IDLE_SECONDS 5

static pthread_barrier_t all_joined;

static void *wait_in_vain(void *queue)
{
	struct rusage before, after;
	char byte;
	join(&(struct scene){.queue = queue});
	pthread_barrier_wait(&all_joined); /* a join wakes everybody */
	check_eq(getrusage(RUSAGE_THREAD, &before), 0);
	if (ringq_full(queue))
		check_eq(ringq_put(queue, "", 1, RINGQ_SEC(IDLE_SECONDS)), -ETIMEDOUT);
	else
		check_eq(ringq_get(queue, &byte, 1, RINGQ_SEC(IDLE_SECONDS)), -ETIMEDOUT);
	check_eq(getrusage(RUSAGE_THREAD, &after), 0);
	/*
	 * One after 100 ms, then after 1.1 s, 2.2, 4.4, the end; the mutex of the process and a producer's join may add some,
	 * and at the end all pass on what wake-up they may have taken, one to the other. With sleeps of 100 ms it would be 50.
	 */
	check_compare(after.ru_nvcsw - before.ru_nvcsw, <=, 4 + 5 + IDLE);
	return NULL;
}

/* Half of them wait for a record, half for a place. */
static void idle_is_cheap(void)
{
	ringq_queue *empty = queue_new(NULL), *full;
	pthread_t threads[IDLE];
	full = queue_in(ringq_queue_region(empty), &(struct ringq_queue_options){.max_records = 1});
	put_one(full);
	check_eq(pthread_barrier_init(&all_joined, NULL, IDLE), 0);
	for (int i = 0; i < IDLE; i++)
		threads[i] = start_thread(wait_in_vain, i % 2 ? empty : full);
	for (int i = 0; i < IDLE; i++)
		join_thread(threads[i]);
	pthread_barrier_destroy(&all_joined);
	ringq_queue_release(full);
	ringq_queue_release(empty);
}

/* ---- all of them, side by side, as they mostly sleep ---- */

static void stops(const struct side *side, unsigned order)
{
	waker_is_stopped(side, order);
	if (side->shared)
		sleeper_is_stopped(side, order);
}

static void deaths(const struct side *side, unsigned order)
{
	rq_sys.futex_waitv = unbounded_waitv;
	for (int settled = 0; settled < 2; settled++) {
		waker_dies(side, order, 1, settled);
		if (!side->shared)
			continue; /* a lane has one producer: nobody else could use the room */
		waker_dies(side, order, SLEEPERS_MOST, settled);
		sleeper_dies(side, order, 1, settled);
		sleeper_dies(side, order, SLEEPERS_MOST - 1, settled);
	}
	if (side->shared) {
		watcher_dies(side, order);
		waker_dies_in_a_crowd(side);
	}
	closer_dies(side, order);
}

static void fail_late(int signal)
{
	(void)signal;
	check(!"nobody sleeps on");
}

struct part {
	void (*run)(const struct side *side, unsigned order);
	const struct side *side;
	unsigned order;
};

static void run_part(void *arg)
{
	const struct part *part = arg;
	alarm(90); /* before its parent's, which does not know the case */
	part->run(part->side, part->order);
}

int main(void)
{
	pid_t children[2 * 2 * COUNT(sides)];
	size_t n = 0;
	real_wait = rq_sys.futex_wait;
	real_waitv = rq_sys.futex_waitv;
	real_wake = rq_sys.futex_wake;
	rq_sys.futex_wait = counted_wait;
	rq_sys.futex_waitv = counted_waitv;
	signal(SIGALRM, fail_late);
	alarm(110);
	idle_is_cheap();
	for (unsigned order = RINGQ_ORDER_TOTAL; order <= RINGQ_ORDER_PRODUCER; order++)
		for (size_t i = 0; i < COUNT(sides); i++) {
			children[n++] = fork_child(run_part, &(struct part){stops, &sides[i], order});
			children[n++] = fork_child(run_part, &(struct part){deaths, &sides[i], order});
		}
	while (n)
		reap_child(children[--n]);
	taker_ends_in_a_crowd();
	waker_dies_beside_a_descriptor();
	waker_dies_beside_wait_any();
	return 0;
}
