/* SPDX-License-Identifier: MIT */

/* What others wrote, for people: names and records may hold what a terminal would obey. */

#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Of the character at s; 0: it is not UTF-8. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
	uint32_t c = length == 1 ? *s : *s & (0x7fu >> length);
	if (length == 0 || length > n)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : length;
}

/* Controls of both sets, and what turns the direction of writing, or breaks lines. */
static bool is_control(const unsigned char *s, size_t length)
{
	if (length == 1)
		return *s < 0x20 || *s == 0x7f;
	if (length == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	if (length != 3 || s[0] != 0xe2)
		return false;
	return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
	       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

void print_clean(FILE *to, const void *bytes, size_t n)
{
	static const char letters[] = "\n\r\t\\";
	const unsigned char *s = bytes;
	for (size_t i = 0; i < n;) {
		size_t length = utf8_length(s + i, n - i);
		const char *letter = s[i] ? strchr(letters, s[i]) : NULL;
		if (letter) {
			fprintf(to, "\\%c", "nrt\\"[letter - letters]);
		} else if (length && !is_control(s + i, length)) {
			fwrite(s + i, 1, length, to);
		} else {
			length = length ? length : 1;
			for (size_t k = 0; k < length; k++)
				fprintf(to, "\\x%02x", s[i + k]);
		}
		i += length ? length : 1;
	}
}
