/* SPDX-License-Identifier: MIT */

#include "rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What else there is to say of a queue, in a word or two. */
static const char *note_of(const struct row *r, char note[48])
{
	static const char *const states[] = {"ended", "connecting", "connected", "blocked", "full"};
	*note = 0;
	if (r->bridge) {
		uint64_t state = r->bridge->meters[METER_STATE];
		return r->bridge->killed ? "killed" : state < sizeof states / sizeof *states ? states[state] : "?";
	}
	if (!r->queue)
		return r->region->state;
	if (r->queue->stat.dead_producers)
		snprintf(note, 48, "%u dead", r->queue->stat.dead_producers);
	else if (r->queue->stat.closed)
		snprintf(note, 48, "closed");
	else if (r->queue->stat.max_records && r->queue->asleep.put)
		snprintf(note, 48, "full");
	return note;
}

/* Of a name as it is shown: how many characters, at most most; *bytes: how many bytes they take. */
static size_t characters(const char *text, size_t most, size_t *bytes)
{
	size_t n = 0, i = 0;
	while (text[i]) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && n++ == most) {
			n--;
			break;
		}
		i++;
	}
	*bytes = i;
	return n;
}

/* Exactly so many characters: what is longer loses its beginning, where names of one service are the same. */
static void print_name(FILE *to, const char *name, size_t width)
{
	char *shown = NULL;
	size_t len = 0, all, bytes;
	FILE *clean = open_memstream(&shown, &len);
	if (!clean)
		return;
	print_clean(clean, name, strlen(name));
	fclose(clean);
	all = characters(shown, SIZE_MAX, &bytes);
	if (all > width) {
		characters(shown, all - width + 1, &bytes);
		fprintf(to, "~%s", shown + bytes);
	} else {
		fprintf(to, "%s%*s", shown, (int)(width - all), "");
	}
	free(shown);
}

static const char *show_rate(const struct row *r, double rate, bool sign)
{
	static char ring[4][40];
	static unsigned at;
	char *out = ring[at++ % 4];
	uint64_t n = (uint64_t)((rate < 0 ? -rate : rate) + 0.5);
	if (!r->has_rates)
		return "-";
	snprintf(out, 40, "%s%s", !sign || !n ? "" : rate < 0 ? "-" : "+", show_count(n));
	return out;
}

void print_titles(FILE *to, int width)
{
	fprintf(to, "%-*s %6s %6s %6s %6s %5s %5s %4s %3s %3s %s", width, "QUEUE", "DEPTH", "+-/s", "IN/s", "OUT/s",
		"HAND", "HELD", "PROD", "GET", "PUT", "NOTE");
}

void print_row(FILE *to, const struct row *r, int width)
{
	char note[48];
	print_name(to, r->name, (size_t)width);
	if (r->bridge) {
		fprintf(to, " %6s %6s %6s %6s %5s %5s %4s %3s %3s %s", "-", "-", show_rate(r, r->in, false),
			show_rate(r, r->out, false), show_count(r->bridge->meters[METER_WINDOW]), "-", "-", "-", "-",
			note_of(r, note));
		return;
	}
	if (!r->queue) {
		fprintf(to, " %6s %6s %6s %6s %5s %5s %4s %3s %3s %s", "-", "-", "-", "-", "-", "-", "-", "-", "-",
			note_of(r, note));
		return;
	}
	const struct ringq_queue_stat *s = &r->queue->stat;
	fprintf(to, " %6s %6s %6s %6s %5s %5s %4u %3" PRIu64 " %3" PRIu64 " %s",
		show_count(s->records_in - s->records_out), show_rate(r, r->trend, true), show_rate(r, r->in, false),
		show_rate(r, r->out, false), s->flags & RINGQ_ACKNOWLEDGED ? show_count(s->in_hand) : "-",
		show_size(s->bytes_held), s->producers, r->queue->asleep.get, r->queue->asleep.put, note_of(r, note));
}

void print_summary(FILE *to, const struct survey *s, const struct view *v)
{
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;
	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
	fprintf(to, "%s  %s, %s, %s record%s, %s held, in %s/s, out %s/s", clock,
		show_number(s->region_count, "region", "regions"), show_number(s->queue_count, "queue", "queues"),
		show_count(v->records), v->records == 1 ? "" : "s", show_size(v->held),
		show_count((uint64_t)(v->in + 0.5)), show_count((uint64_t)(v->out + 0.5)));
}

int longest_name(const struct view *v, int most)
{
	size_t longest = 5, bytes;
	for (size_t i = 0; i < v->n; i++) {
		size_t n = characters(v->rows[i].name, SIZE_MAX, &bytes);
		longest = n > longest ? n : longest;
	}
	return longest > (size_t)most ? most : (int)longest;
}
