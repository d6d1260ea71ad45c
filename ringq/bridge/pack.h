/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_PACK_H
#define BRIDGE_PACK_H

/*
 * Many records in one message: each is its length, 4 bytes, little endian, and its bytes. A message of this form says so by
 * its content-type.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_TYPE "application/x-ringq-pack"
#define PACK_HEAD 4

struct pack {
	char *data;
	size_t len;
	size_t room;
};

/* Whether a record of so many bytes fits behind what is there, in a pack of at most `most` bytes. */
bool pack_fits(const struct pack *pack, size_t len, size_t most);
/* 0, or -ENOMEM. */
int pack_add(struct pack *pack, const void *data, size_t len);
void pack_free(struct pack *pack);

/* The record at *at of a message of size bytes, and *at moved behind it. 1; 0: no more; -1: not a pack. */
int pack_next(const char *message, size_t size, size_t *at, const char **data, size_t *len);

#endif
