/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <errno.h>
#include <stdlib.h>

int window_init(struct window *w, uint64_t size)
{
	*w = (struct window){.size = size};
	w->record = calloc(size, sizeof *w->record);
	w->message = calloc(size, sizeof *w->message);
	return w->record && w->message ? 0 : -ENOMEM;
}

void window_free(struct window *w)
{
	free(w->record);
	free(w->message);
	*w = (struct window){0};
}

void window_skip(struct window *w)
{
	while (w->next != w->tail && window_record(w, w->next)->state == RECORD_DONE)
		w->next++;
}

void window_connection_begins(struct window *w)
{
	w->first = w->last = 1;
	w->next = w->head;
	window_skip(w);
}

uint64_t window_sent(struct window *w, uint32_t records)
{
	*window_message(w, w->last) = (struct message){.record = w->next, .records = records};
	w->next += records;
	window_skip(w);
	return w->last++;
}

bool window_decided(const struct window *w, uint64_t number, bool multiple, uint64_t *from, uint64_t *to)
{
	if (multiple && number == 0)
		number = w->last - 1;
	if (number >= w->last || (number == 0 && !multiple))
		return false;
	*from = multiple || number < w->first ? w->first : number;
	*to = number < w->first ? *from : number + 1; /* an old one: nothing is left to decide */
	return true;
}

void window_settle(struct window *w)
{
	while (w->first != w->last && window_message(w, w->first)->decided)
		w->first++;
	while (w->head != w->next && window_record(w, w->head)->state == RECORD_DONE)
		w->head++;
}
