/* SPDX-License-Identifier: MIT */
/* Whose an anonymous array is: it goes with its creator's release, or with the last of its creator's family. */
#include "../common.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REGION = 1 << 20, VALUE = 100000, MOST = 20000 };

struct scene {
	ringq_region *region;
	ringq_array *arrays[MOST];
	unsigned n;
	atomic_int ready, go;
	int64_t number;
};

/* Creates until the region is full. How many there are. */
static unsigned fill(struct scene *s, size_t count)
{
	unsigned n = 0;

	while (n < MOST && ringq_array_create(&s->arrays[n], s->region, NULL, RINGQ_INT64, count) == 0) {
		int64_t value = VALUE + n;

		check_eq(ringq_store(s->arrays[n++], count - 1, &value), 0);
	}
	check_compare(n, >, 2);
	check_compare(n, <, MOST);
	return n;
}

static void check_content(struct scene *s, unsigned n, size_t count)
{
	for (unsigned i = 0; i < n; i++) {
		int64_t value;

		check_eq(ringq_load(s->arrays[i], count - 1, &value), 0);
		check_eq(value, VALUE + i);
	}
}

static void release_all(struct scene *s, unsigned n)
{
	while (n--)
		ringq_array_release(s->arrays[n]);
}

static void fill_and_die(void *arg)
{
	struct scene *s = arg;

	s->n = fill(s, (size_t)s->number);
	s->ready = 1;
	wait_set(&s->go);
}

/* As many as it held can be had again: nothing is lost, and nothing of the living was taken. */
static void the_dead_leave_all(struct scene *s, size_t count)
{
	unsigned first, again;

	s->region = region_new(REGION);
	first = fill(s, count);
	release_all(s, first);
	for (int round = 0; round < 4; round++) {
		pid_t child;
		ringq_array *kept;
		int64_t value = 12345;

		s->number = (int64_t)count;
		s->ready = s->go = 0;
		check_eq(ringq_array_create(&kept, s->region, NULL, RINGQ_INT64, 1), 0);
		check_eq(ringq_store(kept, 0, &value), 0);
		child = fork_child(fill_and_die, s);
		wait_set(&s->ready);
		/* Alive, nothing of it can be had: at most what the child could not use for this size. */
		again = 0;
		while (ringq_array_create(&s->arrays[again], s->region, NULL, RINGQ_INT64, count) == 0)
			again++;
		check_compare(again, <=, count == 1 ? 1 : 64);
		release_all(s, again);
		if (round % 2) {
			kill_child(child);
		} else {
			s->go = 1;
			reap_child(child);
		}
		again = fill(s, count);
		check_compare(again, >=, first - (count == 1 ? 130 : 4));
		check_content(s, again, count);
		value = 0;
		check_eq(ringq_load(kept, 0, &value), 0);
		check_eq(value, 12345);
		release_all(s, again);
		ringq_array_release(kept);
	}
	ringq_region_detach(s->region);
}

/* ---- families ---- */

static void use_what_was_inherited(void *arg)
{
	struct scene *s = arg;

	s->ready++;
	wait_set(&s->go);
	check_content(s, s->n, 1);
	check_eq(ringq_add(s->arrays[0], 0, 0, NULL), 0);
}

static void inherit_twice(void *arg)
{
	struct scene *s = arg;
	ringq_array *own;
	pid_t child;

	/* A family of its own, whose end must not end the one that it was born into. */
	check_eq(ringq_array_create(&own, s->region, NULL, RINGQ_INT64, 1), 0);
	child = fork();
	if (child == 0) {
		use_what_was_inherited(s);
		_exit(0);
	}
	s->ready++;
	_exit(child < 0);
}

static void make_and_hand_on(void *arg)
{
	struct scene *s = arg;

	s->n = 50;
	for (unsigned i = 0; i < s->n; i++) {
		int64_t value = VALUE + i;

		check_eq(ringq_array_create(&s->arrays[i], s->region, NULL, RINGQ_INT64, 1), 0);
		check_eq(ringq_store(s->arrays[i], 0, &value), 0);
	}
	s->number = fork();
	if (s->number == 0)
		inherit_twice(s);
	while (s->ready < 2)
		pause_ns(1000000);
	kill(getpid(), SIGKILL);
}

/* Runs the region full, so that all that looks dead is taken and written over. How many Values it took. */
static unsigned overrun(const struct scene *s)
{
	static struct scene mine;
	unsigned n, values;

	mine.region = s->region;
	values = fill(&mine, 1);
	release_all(&mine, values);
	n = fill(&mine, 700);
	release_all(&mine, n);
	return values;
}

/* The creator is killed, a grandchild lives: the arrays stay, and go with it. */
static void arrays_live_as_long_as_the_family(struct scene *s)
{
	unsigned before, after;
	pid_t creator;
	int status;

	s->region = region_new(REGION);
	before = overrun(s);
	s->ready = s->go = 0;
	creator = fork();
	check_compare(creator, >=, 0);
	if (creator == 0) {
		make_and_hand_on(s);
		_exit(1);
	}
	check_eq(waitpid(creator, &status, 0), creator);
	check(WIFSIGNALED(status));
	check_compare(overrun(s), <, before - 20);
	s->go = 1; /* it checks its content, and ends: orphans are reaped by init, so look for what it held */
	for (int i = 0; i < 200; i++) {
		after = overrun(s);
		if (after >= before - 20)
			break;
		pause_ns(20000000);
	}
	check_compare(after, >=, before - 20);
	ringq_region_detach(s->region);
}

static void release_inherited(void *arg)
{
	struct scene *s = arg;
	ringq_array *own;

	ringq_array_release(s->arrays[0]);
	check_eq(ringq_array_create(&own, s->region, NULL, RINGQ_INT64, 1), 0);
	ringq_array_release(s->arrays[1]); /* with a family of its own, too */
	ringq_array_release(own);
	for (int i = 0; i < 5000; i++) {
		check_eq(ringq_array_create(&own, s->region, NULL, RINGQ_INT64, 1), 0);
	}
}

static void a_child_releases_only_its_handle(struct scene *s)
{
	int64_t value = VALUE;

	s->region = region_new(REGION);
	for (int i = 0; i < 2; i++, value++) {
		check_eq(ringq_array_create(&s->arrays[i], s->region, NULL, RINGQ_INT64, 1), 0);
		check_eq(ringq_store(s->arrays[i], 0, &value), 0);
	}
	reap_child(fork_child(release_inherited, s));
	check_content(s, 2, 1);
	release_all(s, 2);
	ringq_region_detach(s->region);
}

/* One open description a process and region, gone with it. */
static void descriptors_go_with_the_region(struct scene *s)
{
	unsigned before = count_descriptors();

	s->region = region_new(REGION);
	release_all(s, fill(s, 1));
	check_eq(count_descriptors(), before + 2);
	ringq_region_detach(s->region);
	check_eq(count_descriptors(), before);
}

int main(void)
{
	struct scene *s = share_memory(sizeof(*s));

	descriptors_go_with_the_region(s);
	the_dead_leave_all(s, 1);
	the_dead_leave_all(s, 20);
	the_dead_leave_all(s, 1000);
	arrays_live_as_long_as_the_family(s);
	a_child_releases_only_its_handle(s);
	return 0;
}
