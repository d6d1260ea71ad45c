/* SPDX-License-Identifier: MIT */
/*
 * In a plugin: unloaded while threads that have used it live on, loaded and unloaded again and again, and beside another copy
 * of the library in the same process. Argument: the plugin.
 */
#include "../common.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 300, ROUNDS_LONG = 3000 };

static const char *plugin;
static void *loaded;
static int (*use)(int with_descriptor);

static void load(void)
{
	loaded = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
	if (!loaded)
		test_fail(__FILE__, __LINE__, dlerror());
	*(void **)&use = dlsym(loaded, "plugin_use");
	check(use != NULL);
}

static void unload(void)
{
	check_eq(dlclose(loaded), 0);
}

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int lines = 0;

	check(maps != NULL);
	for (int c; (c = getc(maps)) != EOF;)
		lines += c == '\n';
	check_eq(fclose(maps), 0);
	return lines;
}

static int count_free_keys(void)
{
	static pthread_key_t keys[2000];
	int n = 0;

	while (n < (int)COUNT(keys) && pthread_key_create(&keys[n], NULL) == 0)
		n++;
	for (int i = 0; i < n; i++)
		pthread_key_delete(keys[i]);
	return n;
}

struct meeting {
	pthread_barrier_t used, unloaded;
};

static void *use_and_stay(void *arg)
{
	struct meeting *meeting = arg;

	load();
	check_eq(use(0), 0);
	pthread_barrier_wait(&meeting->used);
	pthread_barrier_wait(&meeting->unloaded);
	return NULL;
}

static void a_thread_ends_after_the_unload(void *arg)
{
	struct meeting meeting;
	pthread_t thread;

	(void)arg;
	pthread_barrier_init(&meeting.used, NULL, 2);
	pthread_barrier_init(&meeting.unloaded, NULL, 2);
	thread = start_thread(use_and_stay, &meeting);
	pthread_barrier_wait(&meeting.used);
	unload();
	pthread_barrier_wait(&meeting.unloaded);
	join_thread(thread);
}

static void the_watching_thread_ends_with_the_unload(void *arg)
{
	(void)arg;
	load();
	check_eq(use(1), 0);
	unload();
	pause_ns(RINGQ_MS(300)); /* longer than that thread sleeps */
}

static void *use_once(void *arg)
{
	check_eq(use(*(int *)arg), 0);
	return NULL;
}

static void nothing_grows(void *arg)
{
	uint64_t rounds = brief_or_long(ROUNDS, ROUNDS_LONG);
	int mappings = 0, keys = 0;

	(void)arg;
	for (uint64_t i = 0; i < rounds; i++) {
		int with_descriptor = i % 4 == 0;

		load();
		check_eq(use(with_descriptor), 0);
		join_thread(start_thread(use_once, &with_descriptor));
		unload();
		if (i == 20) {
			mappings = count_mappings();
			keys = count_free_keys();
		}
	}
	if (!TEST_UNDER_ASAN) /* which keeps what is freed */
		check_compare(count_mappings(), <=, mappings + 10);
	check_compare(count_free_keys(), >=, keys - 1);
}

static void fork_beside_another_copy(void *arg)
{
	ringq_queue *queue;
	pid_t child;
	int status;

	(void)arg;
	check_eq(ringq_queue_create(&queue, NULL, NULL), 0);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	load();
	check_eq(use(0), 0);
	child = fork();
	check_compare(child, >=, 0);
	if (child == 0)
		_exit(use(0) != 0 || get_number(queue, RINGQ_NOWAIT) != 1 || use(1) != 0);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check_eq(use(0), 0);
	ringq_queue_release(queue);
}

int main(int argc, char **argv)
{
	static void (*const cases[])(void *) = {a_thread_ends_after_the_unload,
		the_watching_thread_ends_with_the_unload, nothing_grows, fork_beside_another_copy};

	check_eq(argc, 2);
	plugin = argv[1];
	for (size_t i = 0; i < COUNT(cases); i++) {
		test_row(i);
		reap_child(fork_child(cases[i], NULL));
	}
	return 0;
}
