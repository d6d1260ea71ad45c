/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool pack_fits(const struct pack *pack, size_t len, size_t most)
{
	return len <= most && pack->len + PACK_HEAD <= most - len;
}

int pack_add(struct pack *pack, const void *data, size_t len)
{
	if (pack->room - pack->len < PACK_HEAD + len) {
		size_t room = pack->room + PACK_HEAD + len + 65536;
		char *more = realloc(pack->data, room);
		if (!more)
			return -ENOMEM;
		pack->data = more;
		pack->room = room;
	}
	for (unsigned i = 0; i < PACK_HEAD; i++)
		pack->data[pack->len++] = (char)(len >> 8 * i);
	if (len)
		memcpy(pack->data + pack->len, data, len);
	pack->len += len;
	return 0;
}

void pack_free(struct pack *pack)
{
	free(pack->data);
	*pack = (struct pack){0};
}

int pack_next(const char *message, size_t size, size_t *at, const char **data, size_t *len)
{
	if (*at == size)
		return 0;
	if (size - *at < PACK_HEAD)
		return -1;
	*len = 0;
	for (unsigned i = 0; i < PACK_HEAD; i++)
		*len |= (size_t)(unsigned char)message[*at + i] << 8 * i;
	if (*len > size - *at - PACK_HEAD)
		return -1;
	*data = message + *at + PACK_HEAD;
	*at += PACK_HEAD + *len;
	return 1;
}
