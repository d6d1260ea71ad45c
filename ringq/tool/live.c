/* SPDX-License-Identifier: MIT */

/* The picture of `ringq top` on a terminal, which keys change. */

#include "live.h"

#include "rows.h"
#include "terminal.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_BESIDE = 3 }; /* of the picture: two above the list, one with its titles */

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
				"+-/s: how fast the depth changes; HAND: taken, and not acknowledged yet;\n"
				"HELD: memory; PROD: producers alive;\n"
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
		fprintf(to, "by %s%s  ? for keys", sorts[view_order.sort].name, view_order.reverse ? ", reversed" : "");
	if (!l->typing && *l->filter)
		fprintf(to, "  filter: %s", l->filter);
	if (v->hidden)
		fprintf(to, "  %zu hidden", v->hidden);
	if (s->denied)
		fprintf(to, "  %s not looked into: not root", show_number(s->denied, "process", "processes"));
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
	unsigned named = 0;
	while (named < SORTS && sorts[named].letter != key)
		named++;
	if (named < SORTS)
		view_order.sort = named;
	else if (key == KEY_LEFT || key == '<')
		view_order.sort = (view_order.sort + SORTS - 1) % SORTS;
	else if (key == KEY_RIGHT || key == '>')
		view_order.sort = (view_order.sort + 1) % SORTS;
	else if (key == 'r')
		view_order.reverse = !view_order.reverse;
	else if (key == 'z')
		view_order.busy_only = !view_order.busy_only;
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

int run_live(struct survey_scope *scope, int64_t interval, uint64_t count, const char *filter)
{
	struct live l = {0};
	struct survey now, last = {0};
	int r = STATUS_DONE;
	if (filter)
		snprintf(l.filter, sizeof l.filter, "%s", filter);
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
		sort_by_identity(&last);
		if (!more)
			break;
	}
	survey_free(&last);
	terminal_leave();
	return r;
}
