/* SPDX-License-Identifier: MIT */
#include "example.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t read_value(const char *word)
{
	return HISTORY_VALUE(word[0] - 'a', atoi(word + 1));
}

static int error_of(const char *word)
{
	return !strcmp(word, "EAGAIN") ? -EAGAIN : !strcmp(word, "EPIPE") ? -EPIPE : 0;
}

static uint32_t read_attempt(const struct history_op *op, const char *word)
{
	const char *attempt = strchr(word, '/');

	return attempt ? (uint32_t)atoi(attempt + 1) : op->call == CALL_TAKE;
}

/* The words behind what was called. */
static void read_answer(struct history_op *op, char *words)
{
	uint32_t n = 0, asked = 0;
	int error = 0;

	for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
		if (!strcmp(word, "of")) {
			asked = (uint32_t)atoi(strtok(NULL, " "));
		} else if (error_of(word)) {
			error = error_of(word);
		} else if (*word >= 'a' && *word <= 'z') {
			op->attempts[n] = read_attempt(op, word);
			op->values[n++] = read_value(word);
		} else {
			error = atoi(word); /* what empty, full and size say */
		}
	}
	op->asked = asked ? asked : n ? n : 1;
	op->result = n && !error ? (int64_t)n : error;
}

static void read_line(struct history *history, const char *line, size_t len)
{
	char text[100] = "", name[10], end[10];
	unsigned actor;
	unsigned long begin;
	int used;
	struct history_op op = {0};

	check_compare(len, <, sizeof(text));
	memcpy(text, line, len);
	check_eq(sscanf(text, "%u %lu %9s %9s%n", &actor, &begin, end, name, &used), 4);
	op.begin = begin;
	op.end = *end == '-' ? HISTORY_NEVER : strtoul(end, NULL, 10);
	while (strcmp(history_call_names[op.call], name) != 0)
		op.call++;
	read_answer(&op, text + used);
	struct history_log *log = &history->logs[actor];
	log->ops[log->count] = op;
	log->count++;
}

struct history example_read(const struct example *example)
{
	struct ringq_queue_options options = {.order = example->order,
		.max_records = example->max_records,
		.flags = example->acknowledged ? RINGQ_ACKNOWLEDGED : 0,
		.max_attempts = example->max_attempts};
	struct history history = history_new(4, 20, &options);

	history.drained = example->drained;
	history.sizes = example->sizes;
	for (const char *line = example->text; *line;) {
		size_t len = strcspn(line, "\n");

		read_line(&history, line, len);
		line += len + (line[len] != '\0');
	}
	return history;
}
