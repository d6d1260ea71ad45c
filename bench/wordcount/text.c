/* SPDX-License-Identifier: MIT */
/* The lines of a text, one batch after another, and what is counted in them. */
#include "wordcount/text.h"

#include <string.h>

static struct iovec next_line(struct cursor *c)
{
	const char *line = c->job->text + c->at, *newline = memchr(line, '\n', c->job->size - c->at);
	/* The text may end without a newline. */
	size_t len = newline ? (size_t)(newline - line) + 1 : c->job->size - c->at;

	c->at += len;
	if (c->at == c->job->size) {
		c->at = 0;
		c->pass++;
	}
	return (struct iovec){(char *)line, len};
}

unsigned cursor_next(struct cursor *cursor, struct iovec *lines)
{
	unsigned n = 0;

	while (n < cursor->job->batch && cursor->pass < cursor->job->repeat)
		lines[n++] = next_line(cursor);
	return n;
}

/* isspace() of the C locale. */
static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool report_count(struct report *report, const char *line, size_t len)
{
	bool between = true;

	for (size_t i = 0; i < len; i++) {
		bool space = is_space((unsigned char)line[i]);

		report->counted.words += between && !space;
		between = space;
	}
	report->counted.lines += len > 0 && line[len - 1] == '\n';
	report->counted.bytes += len;
	return report->counted.lines >= REPORT_LINES;
}

void totals_add(struct totals *sum, const struct totals *more)
{
	sum->lines += more->lines;
	sum->words += more->words;
	sum->bytes += more->bytes;
}
