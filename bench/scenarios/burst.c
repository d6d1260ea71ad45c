/* SPDX-License-Identifier: MIT */
/* A burst: all goes in before anything comes out, and what that holds of memory. And many who wait for nothing. */
#include "harness/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/scenarios.h"

/* A figure of this process, in KiB, such as VmRSS: what it holds, be it shared or its own. */
static double memory_of(const char *what)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128], format[32];
	unsigned long kib = 0;

	snprintf(format, sizeof(format), "%s: %%lu", what);
	while (f && fgets(line, sizeof(line), f) && sscanf(line, format, &kib) != 1)
		;
	if (f)
		fclose(f);
	if (!kib)
		bench_die(0, "cannot read %s", what);
	return (double)kib;
}

/* From here on VmHWM is the most that is held. */
static void memory_peak_reset(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	if (!f || fputs("5", f) < 0 || fclose(f))
		bench_die(0, "cannot reset the peak of memory");
}

enum { BURST_RECORDS = 32768 };

/* One thread has both ends, so that all there is in between is the queue. The value is the peak, in MiB. */
void scenario_burst(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct channel_options options = {s->len, 1, 1, BURST_RECORDS, .processes = !s->threads};
	char *record = calloc(1, s->len);
	uint64_t begin, half;
	struct channel c;
	struct end in, from;
	double base;

	(void)n;
	if (!record)
		bench_die(0, "out of memory");
	memory_peak_reset();
	base = memory_of("VmRSS");
	c = channel_open(s->peer, &options);
	channel_join(&c, &in, true, 0);
	channel_join(&c, &from, false, 0);
	begin = bench_now();
	for (uint64_t i = 0; i < BURST_RECORDS; i++) {
		record_stamp(record, s->len, i);
		end_put(&in, record, s->len);
	}
	half = bench_now();
	for (uint64_t i = 0; i < BURST_RECORDS; i++)
		if (!end_get(&from, record, s->len) || record_check(record, s->len) != i)
			bench_die(0, "a record out of order");
	out->figures[DRAIN] = BURST_RECORDS * 1e3 / (double)(bench_now() - half);
	out->figures[FILL] = BURST_RECORDS * 1e3 / (double)(half - begin);
	out->figures[AFTER] = memory_of("VmRSS") - base;
	out->value = (memory_of("VmHWM") - base) / 1024;
	free(record);
}

enum {
	SLEEPERS_MAX = 64,
	LEN_MOST = 64,              /* bytes of a record */
	SLEEPERS_WARM_US = 5000000, /* after which all are asleep who can be, and who looks now and then does so rarely */
	SLEEPERS_US = 5000000,      /* as long again: who sleeps ever longer has looked once */
};

struct sleepers {
	struct channel channel;
	struct bench_gate *gate;
	const struct scenario *s;
};

struct sleeper {
	const struct sleepers *all;
	unsigned index;
};

static void sleeper_body(void *arg)
{
	const struct sleeper *me = arg;
	char record[LEN_MOST];
	struct end end;

	channel_join(&me->all->channel, &end, false, me->index);
	bench_arrive(me->all->gate, me->all->s->consumers + 1);
	end_get(&end, record, me->all->s->len);
	bench_die(0, "got what nobody put");
}

static double cpu_seconds(const pid_t *pids, unsigned n)
{
	struct timespec t;
	double sum = 0;
	clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;

	for (unsigned i = 0; i < n; i++) {
		if ((pids[i] && clock_getcpuclockid(pids[i], &clock)) || clock_gettime(clock, &t))
			bench_die(0, "a sleeper ended");
		sum += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	}
	return sum;
}

/* The value is what all who wait use, 100 % being one cpu. They go with this process. */
void scenario_sleepers(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct sleepers all = {scenario_channel(s, 1, s->consumers), bench_shared(sizeof(*all.gate)), s};
	struct sleeper sleepers[SLEEPERS_MAX];
	pid_t pids[SLEEPERS_MAX] = {0};
	unsigned counted = s->threads ? 1 : s->consumers;
	double begin_cpu;
	uint64_t begin;

	scenario_check_len(s, LEN_MOST);
	(void)n;
	for (unsigned i = 0; i < s->consumers; i++) {
		sleepers[i] = (struct sleeper){&all, i};
		if (s->threads)
			bench_thread(sleeper_body, &sleepers[i]);
		else
			pids[i] = bench_fork(sleeper_body, &sleepers[i]);
	}
	bench_arrive(all.gate, s->consumers + 1);
	usleep(SLEEPERS_WARM_US);
	begin = bench_now();
	begin_cpu = cpu_seconds(pids, counted);
	usleep(SLEEPERS_US);
	out->value = (cpu_seconds(pids, counted) - begin_cpu) * 1e9 / (double)(bench_now() - begin) * 100;
	_exit(0);
}
