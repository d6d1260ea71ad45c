/* SPDX-License-Identifier: MIT */
/*
 * The threads that sleep for the watching thread, by themselves: the test is the watching thread, and sleeps on the word by
 * which it is told.
 */
#include "../common.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "queue/sleepers.h"

#define WORDS 127u

static rq_u32 words[WORDS];
static struct rq_sys_wait waits[WORDS];

static void set_up(void)
{
	for (unsigned i = 0; i < WORDS; i++)
		waits[i] = (struct rq_sys_wait){&words[i], 0};
}

static void tear_down(void)
{
	rq_sleepers_stop();
}

/* Threads of the process that are called so. */
static unsigned count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	check(tasks != NULL);
	for (struct dirent *entry; (entry = readdir(tasks));) {
		char path[300], name[32] = "";
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		FILE *file = fopen(path, "r");
		if (file && fgets(name, sizeof name, file))
			n += strcmp(name, "ringq-sleeper\n") == 0;
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return n;
}

/* Waits until the watching thread has been told something since the value. */
static void await_poke(uint32_t value)
{
	int64_t until = now_ns() + TEST_SOON;

	while (rq_load(rq_watcher_word()) == value) {
		check(now_ns() < until);
		rq_sys.futex_wait(rq_watcher_word(), value, until);
	}
}

static void change(unsigned i)
{
	rq_add(&words[i], 1);
	rq_sys.futex_wake(&words[i], 1);
	waits[i].value++;
}

Test(sleepers, tell_when_any_of_their_words_has_changed, .init = set_up, .fini = tear_down)
{
	struct rq_sleeper *s = NULL;
	unsigned n = rq_watcher_has_waitv() ? WORDS : 1;

	for (unsigned i = 0; i < n; i++) {
		uint32_t seen = rq_load(rq_watcher_word());
		s = rq_sleeper_for(s, waits, n);
		check(s != NULL);
		check(rq_sleeper_for(s, waits, n) == s); /* it sleeps on these already */
		check_eq(rq_load(rq_watcher_word()), seen);
		change(i);
		await_poke(seen);
	}
	check_compare(count_threads(), <=, 2);
}

Test(sleepers, tell_at_once_what_had_changed_before, .init = set_up, .fini = tear_down)
{
	uint32_t seen = rq_load(rq_watcher_word());

	rq_add(&words[0], 1); /* and nobody was woken */
	check(rq_sleeper_for(NULL, waits, 1) != NULL);
	await_poke(seen);
}

Test(sleepers, that_are_let_go_say_nothing_and_serve_again, .init = set_up, .fini = tear_down)
{
	uint32_t seen = rq_load(rq_watcher_word());
	int64_t until = now_ns() + TEST_SOON;

	for (unsigned i = 0; i < 100; i++)
		rq_sleeper_let_go(rq_sleeper_for(NULL, waits, 1));
	rq_sleeper_let_go(NULL);
	struct rq_sleeper *last = rq_sleeper_for(NULL, waits + 1, 1);
	check(last != NULL);
	rq_add(&words[0], 1); /* nobody's any more */
	rq_sys.futex_wake(&words[0], 1);
	check_eq(rq_load(rq_watcher_word()), seen);
	change(1);
	await_poke(seen);
	/* Each was free again by the time that it was needed, or soon: no thread for each of the hundred. */
	check_compare(count_threads(), <, 100);
	check(now_ns() < until);
}

Test(sleepers, are_as_many_as_have_words_and_all_end, .init = set_up)
{
	enum { MANY = 20 };
	struct rq_sleeper *s[MANY];
	uint32_t seen = rq_load(rq_watcher_word());

	for (unsigned i = 0; i < MANY; i++) {
		s[i] = rq_sleeper_for(NULL, waits + i, 1);
		check(s[i] != NULL);
		for (unsigned k = 0; k < i; k++)
			check(s[k] != s[i]);
	}
	check_eq(count_threads(), MANY);
	check_eq(rq_load(rq_watcher_word()), seen);
	rq_sleepers_stop();
	check_eq(count_threads(), 0);
	check_eq(rq_load(rq_watcher_word()), seen); /* who is stopped has nothing to tell */
}

/* ---- without futex_waitv ---- */

static int refuse(const struct rq_sys_wait *w, unsigned n, int64_t until)
{
	(void)w, (void)n, (void)until;
	return -ENOSYS;
}

Test(sleepers, have_one_word_each_where_futex_waitv_is_refused, .init = set_up, .fini = tear_down)
{
	uint32_t seen = rq_load(rq_watcher_word());

	rq_sys.futex_waitv = refuse;
	check(rq_sleeper_for(NULL, waits, 1) != NULL);
	change(0);
	await_poke(seen);
	check(!rq_watcher_has_waitv());
	check(rq_watcher_refuses(-ENOSYS));
}

static int gone(const struct rq_sys_wait *w, unsigned n, int64_t until)
{
	(void)until;
	return n == 1 && w->word == rq_watcher_word() ? -EAGAIN : -ENOSYS;
}

/* A word that is not mapped any more: that says nothing of the call. */
Test(sleepers, of_whose_words_one_is_gone_do_not_take_the_call_for_refused)
{
	rq_sys.futex_waitv = gone;
	check(!rq_watcher_refuses(-ENOSYS));
	check(!rq_watcher_refuses(0));
	check(rq_watcher_has_waitv());
}
