/* SPDX-License-Identifier: MIT */
#ifndef TERMINAL_H
#define TERMINAL_H

/*
 * A terminal for a live picture: the other screen, keys as they are typed, no cursor. Whatever ends or stops the program
 * that can be caught, the terminal is as it was before.
 */

#include <stdbool.h>
#include <stdint.h>

enum key {
	KEY_NONE = 0, /* nothing was typed in time; a signal came, or the size is another */
	KEY_ESCAPE = 27,
	KEY_LEFT = 256,
	KEY_RIGHT,
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_GONE, /* the terminal has */
};

/* Whether standard output is a terminal that understands what this file writes. */
bool terminal_there(void);
/* Takes it over. */
void terminal_enter(void);
void terminal_leave(void);
void terminal_size(int *rows, int *columns);
/* A key, or a byte of text. */
int terminal_key(int64_t ns);
/* Writes it all. */
void terminal_write(const char *text, unsigned long len);

#endif
