/* SPDX-License-Identifier: MIT */
#include "dead_letter.h"

#include <string.h>

int put_dead_letter(ringq_queue *dead, const struct ringq_delivery *d)
{
	struct ringq_dead_letter head = {.size = sizeof head, .attempts = d->attempt};
	void *at;
	int e = ringq_reserve(dead, &at, sizeof head + d->len, RINGQ_NOWAIT);
	if (e)
		return e;
	memcpy(at, &head, sizeof head);
	if (d->len)
		memcpy((char *)at + sizeof head, d->data, d->len);
	return ringq_commit(dead, at, sizeof head + d->len);
}
