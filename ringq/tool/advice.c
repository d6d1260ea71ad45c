/* SPDX-License-Identifier: MIT */
#include "advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "options.h"
#include "text.h"

static uint64_t troubles;
static struct json json;

void advice_begin(void)
{
	if (!common.json)
		return;
	json_start(&json, stdout);
	json_object(&json, NULL);
	json_number(&json, "version", 1);
	json_array(&json, "troubles");
}

static void print_json(const char *where, const char *object, const char *trouble, const char *cure, const char *text)
{
	json_object(&json, NULL);
	json_text(&json, "region", where);
	json_text(&json, "object", object);
	json_text(&json, "trouble", trouble);
	json_text(&json, "text", text);
	json_text(&json, "cure", cure);
	json_close(&json, '}');
}

static void print_text(const char *where, const char *object, const char *cure, const char *text)
{
	print_clean(stdout, where, strlen(where));
	if (object) {
		putchar('/');
		print_clean(stdout, object, strlen(object));
	}
	fputs(": ", stdout);
	print_clean(stdout, text, strlen(text));
	fputs("\n    ", stdout);
	print_clean(stdout, cure, strlen(cure));
	putchar('\n');
}

void advise(const char *where, const char *object, const char *trouble, const char *cure, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	troubles++;
	if (common.json)
		print_json(where, object, trouble, cure, text);
	else
		print_text(where, object, cure, text);
}

uint64_t advice_end(void)
{
	if (common.json) {
		json_close(&json, ']');
		json_close(&json, '}');
		json_line(&json);
	}
	return troubles;
}
