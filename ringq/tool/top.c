/* SPDX-License-Identifier: MIT */

/*
 * All queues, live: a survey each interval, and the difference to the one before. On a terminal a picture that keys change,
 * else, or in a batch, a table each time. It only observes: whoever is watched cannot tell.
 */

#include "survey.h"
#include "terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORTEST RINGQ_MS(50)

enum { LINES_BESIDE = 3 }; /* of the picture: two above the list, one with its titles */

static int64_t interval = RINGQ_SEC(1);
static uint64_t count = UINT64_MAX;
static const char *sort_name = "in", *filter_option;
static bool once, batch, reverse, busy_only;

/* ---- rows: a queue, or a region that could not be looked at ---- */

struct row {
	const struct survey_queue *queue; /* NULL: a region's */
	const struct survey_region *region;
	char name[400];
	bool has_rates; /* it was there the last time */
	double in, out, trend;
};

/* Columns by which the list can be sorted; what is largest comes first, names from A on. */
static const char *const sorts[] = {"name", "depth", "trend", "in", "out", "held", "asleep"};
enum { SORTS = sizeof sorts / sizeof *sorts };
static unsigned sort = 3;

static double value_of(const struct row *r)
{
	if (!r->queue)
		return -1e300;
	switch (sort) {
	case 1:
		return (double)(r->queue->stat.records_in - r->queue->stat.records_out);
	case 2:
		return r->trend;
	case 3:
		return r->in;
	case 4:
		return r->out;
	case 5:
		return (double)r->queue->stat.bytes_held;
	case 6:
		return (double)(r->queue->asleep.get + r->queue->asleep.put);
	default:
		return 0;
	}
}

static int by_sort(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double p = value_of(x), q = value_of(y);
	int r = p < q ? 1 : p > q ? -1 : 0;
	if (r == 0)
		r = strcmp(x->name, y->name);
	return reverse ? -r : r;
}

static int by_identity(const void *a, const void *b)
{
	const struct survey_queue *x = a, *y = b;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Counts can be less than before: a producer that dies may take some with it until another has its lane. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

static void find_rates(struct row *r, const struct survey *last)
{
	const struct survey_queue *q = r->queue;
	const struct survey_queue *old =
		last->queue_count ? bsearch(q, last->queues, last->queue_count, sizeof *q, by_identity) : NULL;
	double seconds = old ? (double)(q->at - old->at) / 1e9 : 0;
	if (seconds <= 0)
		return;
	r->has_rates = true;
	r->in = rate(q->stat.records_in, old->stat.records_in, seconds);
	r->out = rate(q->stat.records_out, old->stat.records_out, seconds);
	double depth = (double)(q->stat.records_in - q->stat.records_out),
	       was = (double)(old->stat.records_in - old->stat.records_out);
	r->trend = (depth - was) / seconds;
}

static bool is_idle(const struct row *r)
{
	return r->queue && r->has_rates && r->in == 0 && r->out == 0 &&
	       r->queue->stat.records_in == r->queue->stat.records_out;
}

struct view {
	struct row *rows;
	size_t n;
	size_t hidden; /* by the filter, or as idle */
	uint64_t records, held;
	double in, out;
	double seconds; /* since the last survey; 0: this is the first */
	const char *filter;
};

static int make_view(struct view *v, const struct survey *now, const struct survey *last, const char *filter)
{
	*v = (struct view){.filter = filter};
	v->rows = calloc(now->queue_count + now->region_count + 1, sizeof *v->rows);
	if (!v->rows)
		return fail(-ENOMEM, "the list");
	for (size_t i = 0; i < now->queue_count + now->region_count; i++) {
		struct row *r = &v->rows[v->n];
		*r = (struct row){0};
		if (i < now->queue_count) {
			r->queue = &now->queues[i];
			r->region = &now->regions[r->queue->region];
			snprintf(r->name, sizeof r->name, "%s/%s", r->region->label, r->queue->name);
			find_rates(r, last);
		} else {
			r->region = &now->regions[i - now->queue_count];
			if (!r->region->error)
				continue;
			snprintf(r->name, sizeof r->name, "%s", r->region->label);
		}
		if ((filter && *filter && !strstr(r->name, filter)) || (busy_only && is_idle(r))) {
			v->hidden++;
			continue;
		}
		if (r->queue) {
			v->records += r->queue->stat.records_in - r->queue->stat.records_out;
			v->held += r->queue->stat.bytes_held;
		}
		v->in += r->in;
		v->out += r->out;
		v->n++;
	}
	qsort(v->rows, v->n, sizeof *v->rows, by_sort);
	return 0;
}

/* What else there is to say of a queue, in a word or two. */
static const char *note_of(const struct row *r, char note[48])
{
	*note = 0;
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

/* ---- for people ---- */

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

enum { FIGURES = 52 }; /* characters of a line behind its name */

static void print_titles(FILE *to, int width)
{
	fprintf(to, "%-*s %6s %6s %6s %6s %5s %4s %3s %3s %s", width, "QUEUE", "DEPTH", "+-/s", "IN/s", "OUT/s", "HELD",
		"PROD", "GET", "PUT", "NOTE");
}

static void print_row(FILE *to, const struct row *r, int width)
{
	char note[48];
	print_name(to, r->name, (size_t)width);
	if (!r->queue) {
		fprintf(to, " %6s %6s %6s %6s %5s %4s %3s %3s %s", "-", "-", "-", "-", "-", "-", "-", "-",
			note_of(r, note));
		return;
	}
	const struct ringq_queue_stat *s = &r->queue->stat;
	fprintf(to, " %6s %6s %6s %6s %5s %4u %3" PRIu64 " %3" PRIu64 " %s", show_count(s->records_in - s->records_out),
		show_rate(r, r->trend, true), show_rate(r, r->in, false), show_rate(r, r->out, false),
		show_size(s->bytes_held), s->producers, r->queue->asleep.get, r->queue->asleep.put, note_of(r, note));
}

static void print_summary(FILE *to, const struct survey *s, const struct view *v)
{
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;
	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
	fprintf(to, "%s  %zu region%s, %zu queue%s, %s records, %s held, in %s/s, out %s/s", clock, s->region_count,
		s->region_count == 1 ? "" : "s", s->queue_count, s->queue_count == 1 ? "" : "s", show_count(v->records),
		show_size(v->held), show_count((uint64_t)(v->in + 0.5)), show_count((uint64_t)(v->out + 0.5)));
}

static int longest_name(const struct view *v, int most)
{
	size_t longest = 5, bytes;
	for (size_t i = 0; i < v->n; i++) {
		size_t n = characters(v->rows[i].name, SIZE_MAX, &bytes);
		longest = n > longest ? n : longest;
	}
	return longest > (size_t)most ? most : (int)longest;
}

static void print_table(const struct survey *s, const struct view *v)
{
	int width = longest_name(v, 300);
	if (!common.no_header) {
		print_summary(stdout, s, v);
		putchar('\n');
		print_titles(stdout, width);
		putchar('\n');
	}
	for (size_t i = 0; i < v->n; i++) {
		print_row(stdout, &v->rows[i], width);
		putchar('\n');
	}
	if (!common.no_header && !once)
		putchar('\n');
	fflush(stdout);
}

/* ---- for programs ---- */

static void json_rate(struct json *json, const char *key, const struct row *r, double value)
{
	if (r->has_rates)
		json_real(json, key, value);
	else
		json_null(json, key);
}

static void print_json(const struct survey *s, const struct view *v)
{
	struct json json;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_number(&json, "time_ns", (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	json_number(&json, "regions", s->region_count);
	json_number(&json, "not_looked_into", s->denied);
	json_array(&json, "queues");
	for (size_t i = 0; i < v->n; i++) {
		const struct row *r = &v->rows[i];
		if (!r->queue)
			continue;
		json_object(&json, NULL);
		json_text(&json, "region", r->region->label);
		json_text(&json, "queue", r->queue->name);
		json_number(&json, "inode", r->queue->inode);
		json_number(&json, "id", r->queue->id);
		json_number(&json, "records", r->queue->stat.records_in - r->queue->stat.records_out);
		json_number(&json, "records_in", r->queue->stat.records_in);
		json_number(&json, "records_out", r->queue->stat.records_out);
		json_rate(&json, "in_per_second", r, r->in);
		json_rate(&json, "out_per_second", r, r->out);
		json_rate(&json, "trend_per_second", r, r->trend);
		json_number(&json, "held", r->queue->stat.bytes_held);
		json_number(&json, "producers", r->queue->stat.producers);
		json_number(&json, "dead_producers", r->queue->stat.dead_producers);
		json_number(&json, "asleep_get", r->queue->asleep.get);
		json_number(&json, "asleep_put", r->queue->asleep.put);
		json_bool(&json, "closed", r->queue->stat.closed);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	json_line(&json);
}

/* ---- live ---- */

struct live {
	char filter[64];
	bool typing; /* the filter */
	bool help;
	size_t first; /* row that is shown first */
};

static const char help_text[] = "left, right   sort by another column        r   the other way round\n"
				"n             by name                       d   by depth\n"
				"t             by the depth's change         i   by what comes in\n"
				"o             by what goes out              m   by memory held\n"
				"s             by sleepers                   z   hide, or show, what is idle\n"
				"/             filter: a part of names       Esc no filter\n"
				"up, down, page up, page down, home: scroll  space  look now\n"
				"?, h          this                          q   quit\n\n"
				"+-/s: how fast the depth changes; HELD: memory; PROD: producers alive;\n"
				"GET, PUT: members asleep in get and the like, or in put, for room.";

static void style(FILE *to, const char *code)
{
	static int plain = -1;
	if (plain < 0)
		plain = getenv("NO_COLOR") && *getenv("NO_COLOR");
	if (!plain)
		fputs(code, to);
}

static void end_line(FILE *to)
{
	fputs("\033[K\r\n", to);
}

static void draw_status(FILE *to, const struct survey *s, const struct view *v, const struct live *l)
{
	if (l->typing)
		fprintf(to, "filter: %s_", l->filter);
	else
		fprintf(to, "by %s%s  ? for keys", sorts[sort], reverse ? ", reversed" : "");
	if (!l->typing && *l->filter)
		fprintf(to, "  filter: %s", l->filter);
	if (v->hidden)
		fprintf(to, "  %zu hidden", v->hidden);
	if (s->denied)
		fprintf(to, "  %zu processes not looked into: not root", s->denied);
}

static void draw(const struct survey *s, const struct view *v, struct live *l)
{
	int rows, columns;
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	if (!to)
		return;
	terminal_size(&rows, &columns);
	size_t room = rows > LINES_BESIDE ? (size_t)(rows - LINES_BESIDE) : 1;
	int width = columns - FIGURES - 7; /* room for a note */
	width = longest_name(v, width < 12 ? 12 : width);
	if (l->first + room > v->n)
		l->first = v->n > room ? v->n - room : 0;
	fputs("\033[H", to);
	print_summary(to, s, v);
	end_line(to);
	draw_status(to, s, v, l);
	end_line(to);
	style(to, "\033[7m");
	print_titles(to, width);
	fputs("\033[K", to);
	style(to, "\033[0m");
	for (size_t i = 0; !l->help && i < room && l->first + i < v->n; i++) {
		fputs("\r\n", to);
		print_row(to, &v->rows[l->first + i], width);
		fputs("\033[K", to);
	}
	for (const char *at = help_text; l->help && *at;) {
		size_t n = strcspn(at, "\n");
		fputs("\r\n", to);
		fwrite(at, 1, n, to);
		fputs("\033[K", to);
		at += n + (at[n] == '\n');
	}
	fputs("\033[J", to);
	fclose(to);
	terminal_write(text, len);
	free(text);
}

static void type_filter(struct live *l, int key)
{
	size_t n = strlen(l->filter);
	if (key == '\n' || key == '\r') {
		l->typing = false;
	} else if (key == KEY_ESCAPE) {
		l->typing = false;
		*l->filter = 0;
	} else if (key == 127 || key == 8) {
		l->filter[n ? n - 1 : 0] = 0;
	} else if (key >= 32 && key < 127 && n + 1 < sizeof l->filter) {
		l->filter[n] = (char)key;
		l->filter[n + 1] = 0;
	}
}

/* Whether it is a key of the list's. */
static bool scroll(struct live *l, int key, size_t page)
{
	size_t up = key == KEY_UP ? 1 : key == KEY_PAGE_UP ? page : key == KEY_HOME ? l->first : 0;
	size_t down = key == KEY_DOWN ? 1 : key == KEY_PAGE_DOWN ? page : key == KEY_END ? 1 << 20 : 0;
	l->first = l->first > up ? l->first - up : 0;
	l->first += down;
	return up || down || key == KEY_UP || key == KEY_PAGE_UP || key == KEY_HOME;
}

static void order(int key, struct live *l)
{
	static const char letters[] = "ndtioms";
	const char *letter = key > 0 && key < 256 ? strchr(letters, key) : NULL;
	if (letter)
		sort = (unsigned)(letter - letters);
	else if (key == KEY_LEFT || key == '<')
		sort = (sort + SORTS - 1) % SORTS;
	else if (key == KEY_RIGHT || key == '>')
		sort = (sort + 1) % SORTS;
	else if (key == 'r')
		reverse = !reverse;
	else if (key == 'z')
		busy_only = !busy_only;
	else if (key == '/')
		l->typing = true;
	else if (key == KEY_ESCAPE)
		*l->filter = 0;
}

/* Keys until the next look is due. Whether to go on. */
static bool keys_until(int64_t due, const struct survey *now, const struct survey *last, struct live *l)
{
	while (!tool_stopped) {
		struct view v;
		int rows, columns;
		if (make_view(&v, now, last, l->filter))
			return false;
		draw(now, &v, l);
		free(v.rows);
		int key = terminal_key(due - now_ns());
		if (key == KEY_GONE || (key == 'q' && !l->typing))
			return false;
		if ((key == KEY_NONE && now_ns() >= due) || (key == ' ' && !l->typing))
			return true;
		terminal_size(&rows, &columns);
		if (l->typing)
			type_filter(l, key);
		else if (l->help || key == '?' || key == 'h')
			l->help = key == KEY_NONE ? l->help : !l->help;
		else if (!scroll(l, key, rows > LINES_BESIDE ? (size_t)(rows - LINES_BESIDE) : 1))
			order(key, l);
	}
	return false;
}

static int run_live(const struct survey_scope *scope)
{
	struct live l = {0};
	struct survey now, last = {0};
	int r = STATUS_DONE;
	if (filter_option)
		snprintf(l.filter, sizeof l.filter, "%s", filter_option);
	terminal_enter();
	for (uint64_t i = 0; r == 0 && i < count && !tool_stopped; i++) {
		int64_t begin = now_ns();
		r = survey_take(&now, scope);
		if (r)
			break;
		/* The first figures come soon. */
		bool more = keys_until(begin + (i                                 ? interval
						       : interval < RINGQ_MS(300) ? interval
										  : RINGQ_MS(300)),
			&now, &last, &l);
		survey_free(&last);
		last = now;
		qsort(last.queues, last.queue_count, sizeof *last.queues, by_identity);
		if (!more)
			break;
	}
	survey_free(&last);
	terminal_leave();
	return r;
}

/* ---- in a batch ---- */

static int run_batch(const struct survey_scope *scope)
{
	struct survey now, last;
	struct view v;
	int r = survey_take(&last, scope);
	if (r)
		return r;
	tool_catch_signals();
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		qsort(last.queues, last.queue_count, sizeof *last.queues, by_identity);
		tool_sleep(interval);
		if (tool_stopped)
			break;
		r = survey_take(&now, scope);
		if (r)
			break;
		r = make_view(&v, &now, &last, filter_option);
		if (r == 0 && common.json)
			print_json(&now, &v);
		else if (r == 0)
			print_table(&now, &v);
		free(v.rows);
		survey_free(&last);
		last = now;
		r = r == 0 && ferror(stdout) ? STATUS_TROUBLE : r;
	}
	if (last.denied)
		complain("%zu processes could not be looked into (run as root to see all)", last.denied);
	survey_free(&last);
	return r;
}

static int run(int argc, char **argv)
{
	struct survey_scope scope;
	for (sort = 0; sort < SORTS && strcmp(sorts[sort], sort_name) != 0;)
		sort++;
	if (sort == SORTS)
		return usage("--sort is name, depth, trend, in, out, held or asleep, not %s", sort_name);
	if (interval < SHORTEST)
		return usage("--interval is 50ms or more");
	if (once)
		count = 1;
	int r = survey_scope(&scope, argc, argv);
	if (r == 0)
		r = batch || once || common.json || !terminal_there() ? run_batch(&scope) : run_live(&scope);
	free(scope.want);
	return r;
}

static const struct option_spec options[] = {
	{'i', "interval", "TIME", OPTION_TIME, &interval, "from look to look; 1"},
	{'n', "count", "N", OPTION_NUMBER, &count, "so many looks; until it is told to stop"},
	{0, "once", NULL, OPTION_FLAG, &once, "one table, of one interval"},
	{0, "batch", NULL, OPTION_FLAG, &batch, "a table for each look; the same where output is no terminal"},
	{'s', "sort", "COLUMN", OPTION_TEXT, &sort_name, "name, depth, trend, in, out, held or asleep; in"},
	{'r', "reverse", NULL, OPTION_FLAG, &reverse, "the other way round"},
	{'f', "filter", "TEXT", OPTION_TEXT, &filter_option, "only what has this in its name"},
	{'z', "busy", NULL, OPTION_FLAG, &busy_only, "only what is not idle and empty"},
	OPTION_JSON,
	{'H', "no-header", NULL, OPTION_FLAG, &common.no_header, "no lines above a table"},
	{'b', "bytes", NULL, OPTION_FLAG, &common.bytes, "sizes in bytes, not rounded"},
	OPTIONS_END,
};

const struct command top_command = {"top", run, "[REGION[/QUEUE]]...",
	"Shows all queues live: what comes in and goes out, what waits, who sleeps", options, 0, -1, false};
