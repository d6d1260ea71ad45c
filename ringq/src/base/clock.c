/* SPDX-License-Identifier: MIT */
#include "base/call.h"
#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
static bool kernel_trusts_tsc(void)
{
	char name[4] = "";
	int fd = rq_open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	ssize_t n = rq_read(fd, name, sizeof name);
	rq_close(fd);
	return n == 4 && memcmp(name, "tsc\n", 4) == 0;
}
#endif

/* RINGQ_CLOCK=ticket makes new regions use the ticket: for tests, and for machines whose kernel trusts in vain. */
enum rq_clock_kind rq_clock_choose(void)
{
#if defined(__x86_64__)
	const char *wish = secure_getenv("RINGQ_CLOCK");
	if (!(wish && strcmp(wish, "ticket") == 0) && kernel_trusts_tsc())
		return RQ_CLOCK_TSC;
#endif
	return RQ_CLOCK_TICKET;
}
