/* SPDX-License-Identifier: MIT */
/* From the rounds' values to medians, ratios and verdicts. */
#include "report/report.h"

#include <math.h>
#include <string.h>

#include "harness/machine.h"
#include "report/figures.h"
#include "report/state.h"

size_t run_find(const struct run *run, const char *name)
{
	for (size_t i = 0; i < run->n; i++)
		if (!strcmp(run->scenarios[i].name, name))
			return i;
	bench_die(0, "no scenario is called \"%s\"", name);
}

struct verdict {
	bool known; /* there is a ratio */
	double ratio; /* to the other row: the median of the ratios of rounds in which both had the machine in its usual state */
	bool holds;
};

static struct verdict judge(const struct run *run, size_t i)
{
	const struct scenario *s = &run->scenarios[i];
	const struct result *result = &run->results[i];
	struct verdict v = {0};
	double ratios[ROUNDS_MAX];
	unsigned n = 0;

	if (result->failed)
		return v;
	if (s->against) {
		size_t other = run_find(run, s->against);
		const struct result *against = &run->results[other];

		for (unsigned round = 0; round < run->rounds && !against->failed; round++)
			if (!state_is_odd(run, i, round) && !state_is_odd(run, other, round))
				ratios[n++] = result->value[round] / against->value[round];
		v.known = n > 0;
		v.ratio = n ? bench_spread(ratios, n).median : 0;
	}
	if (s->target > 0) {
		double figure = s->against ? v.ratio : state_kept(run, i).value.median;

		v.holds = (v.known || !s->against) &&
		          (figure_lower_is_better(s) ? figure <= s->target : figure >= s->target);
	}
	return v;
}

static void print_values(const struct run *run, size_t i)
{
	struct kept k;

	if (run->results[i].failed) {
		printf("failed | ");
		return;
	}
	k = state_kept(run, i);
	figure_print(stdout, k.value.median);
	printf(" %s%s | ", run->scenarios[i].unit, k.only_odd ? " (!)" : "");
	figure_print(stdout, k.value.min);
	printf("..");
	figure_print(stdout, k.value.max);
}

static void print_verdict(const struct scenario *s, const struct verdict *v, bool failed, bool targets)
{
	printf(" | ");
	if (v->known) {
		figure_print(stdout, v->ratio);
		printf(" x %s", s->against);
	}
	printf(" | ");
	if (!targets)
		return;
	if (s->target > 0) {
		printf("%s ", figure_lower_is_better(s) ? "<=" : ">=");
		figure_print(stdout, s->target);
		printf("%s%s", s->against ? " x" : " ", s->against ? "" : s->unit);
	}
	printf(" | %s | ", s->target <= 0 ? "" : failed ? "not known" : v->holds ? "yes" : "**no**");
}

static void print_notes(const struct run *run, size_t i)
{
	const struct result *result = &run->results[i];
	struct kept other = {0};

	if (result->failed)
		printf("%s", result->why);
	else
		other = state_other(run, i);
	if (!result->failed && !isnan(result->figures[SHARE_CONSUMER][0]))
		printf("slowest consumer %.2f of its share",
			figure_spread(result->figures[SHARE_CONSUMER], run->rounds).median);
	if (!result->failed && !isnan(result->figures[SLEEPS][0])) {
		double sleeps = figure_spread(result->figures[SLEEPS], run->rounds).median;

		printf("%.1f sleeps a trip%s", sleeps, sleeps < 1.8 ? ", too few: not both were asleep" : "");
	}
	if (other.n) {
		printf(" In another state ");
		figure_print(stdout, other.value.median);
		printf(" (%u of %u)", other.n, run->rounds);
	}
	printf(" |\n");
}

static void print_machine(const struct run *run)
{
	printf("\n");
	machine_print(stdout);
	printf("; %u rounds.\n", run->rounds);
}

static void print_rounds(const struct run *run)
{
	const struct result *raw = &run->results[0];
	unsigned odd = state_count_odd(run);

	printf("Raw line by round, ns:");
	for (unsigned round = 0; !raw->failed && round < run->rounds; round++)
		printf(" %.0f", raw->value[round]);
	printf("%s\n", raw->failed ? " failed" : "");
	if (odd)
		printf("Beside %u samples the raw line took less than half or more than twice its usual %.0f ns: they "
		       "are of "
		       "another state of the machine, and in no median or ratio; (!) marks what has no other.\n",
			odd, run->line);
}

static void print_targets(const struct run *run, bool hold)
{
	const char *before = "";

	for (size_t i = 0; i < run->n; i++) {
		if (!run->results[i].selected || run->scenarios[i].target <= 0 || judge(run, i).holds != hold)
			continue;
		printf("%s%s", before, run->scenarios[i].name);
		before = "; ";
	}
	printf("%s\n", *before ? "." : "none.");
}

void report_table(const struct run *run, bool targets)
{
	printf("| scenario | median | min..max | ratio |%s note |\n", targets ? " target | holds |" : "");
	printf("| --- | ---: | ---: | ---: |%s --- |\n", targets ? " ---: | --- |" : "");
	for (size_t i = 0; i < run->n; i++) {
		struct verdict v = judge(run, i);

		if (!run->results[i].selected)
			continue;
		printf("| %s | ", run->scenarios[i].name);
		print_values(run, i);
		print_verdict(&run->scenarios[i], &v, run->results[i].failed, targets);
		print_notes(run, i);
	}
	print_machine(run);
	print_rounds(run);
	if (!targets)
		return;
	printf("\nTargets that hold: ");
	print_targets(run, true);
	printf("Targets that do not hold: ");
	print_targets(run, false);
}

static void json_scenario(const struct run *run, size_t i, FILE *f)
{
	const struct scenario *s = &run->scenarios[i];
	const struct result *result = &run->results[i];
	struct verdict v = judge(run, i);

	fprintf(f, "{\"scenario\":\"%s\",\"unit\":\"%s\"", s->name, s->unit);
	if (!result->failed) {
		struct kept k = state_kept(run, i);

		fprintf(f, ",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g", k.value.median, k.value.min, k.value.max);
		figure_json(f, "rounds", result->value, run->rounds);
		figure_json(f, "line", result->line, run->rounds);
		figure_json(f, "line_after", result->line_after, run->rounds);
		for (size_t figure = 0; figure < FIGURES; figure++)
			if (!isnan(result->figures[figure][0]))
				figure_json(f, figure_names[figure], result->figures[figure], run->rounds);
	}
	if (s->against)
		fprintf(f, ",\"against\":\"%s\"", s->against);
	if (v.known)
		fprintf(f, ",\"ratio\":%.6g", v.ratio);
	if (s->target > 0)
		fprintf(f, ",\"target\":%.6g,\"holds\":%s", s->target, v.holds ? "true" : "false");
	fprintf(f, ",\"failed\":%s}\n", result->failed ? "true" : "false");
}

void report_json(const struct run *run, FILE *f)
{
	fputs("{\"run\":\"ringq-bench\",", f);
	machine_json(f);
	fprintf(f, ",\"rounds\":%u,\"line\":%.6g}\n", run->rounds, run->line);
	for (size_t i = 0; i < run->n; i++)
		if (run->results[i].selected)
			json_scenario(run, i, f);
}
