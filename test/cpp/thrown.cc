/* SPDX-License-Identifier: MIT */
/* An exception that a signal's handler throws out of a call that sleeps: docs/limits.md says what is left then. */
#include <ringq/ringq.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))

static void fail(int line, const char *what)
{
	std::fprintf(stderr, "thrown.cc:%d: failed: %s\n", line, what);
	std::exit(1);
}

struct interrupted {};

static void throws(int)
{
	throw interrupted();
}

/* Time and again, as a call that is left may keep one reference of the handle, but no more. */
static bool is_thrown_out_of_a_sleep(ringq_queue *queue)
{
	int64_t n;
	const struct itimerval soon = {{0, 0}, {0, 50000}};

	CHECK(setitimer(ITIMER_REAL, &soon, nullptr) == 0);
	try {
		ringq_get(queue, &n, sizeof n, RINGQ_FOREVER);
	} catch (const interrupted &) {
		return true;
	}
	return false;
}

static void *releases(void *queue)
{
	ringq_queue_release(static_cast<ringq_queue *>(queue));
	return nullptr;
}

int main()
{
	struct sigaction action = {};
	ringq_queue *queue;
	pthread_t thread;

	action.sa_handler = throws;
	action.sa_flags = SA_NODEFER; /* as nothing returns from the handler, nothing would let the next signal in */
	CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
	CHECK(ringq_queue_create(&queue, nullptr, nullptr) == 0);
	for (int64_t i = 0; i < 5; i++) {
		int64_t n = -1;

		CHECK(is_thrown_out_of_a_sleep(queue));
		CHECK(ringq_put(queue, &i, sizeof i, RINGQ_NOWAIT) == 0);
		CHECK(ringq_get(queue, &n, sizeof n, RINGQ_NOWAIT) == sizeof n && n == i);
		CHECK(ringq_get(queue, &n, sizeof n, RINGQ_NOWAIT) == -EAGAIN);
	}
	CHECK(pthread_create(&thread, nullptr, releases, queue) == 0); /* ends */
	CHECK(pthread_join(thread, nullptr) == 0);
	return 0;
}
