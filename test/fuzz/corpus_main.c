/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target on the files of a folder, as libFuzzer would, where there is no libFuzzer: corpus_main FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common.h"

enum { PATIENCE_SECONDS = 60, INPUT_MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_file(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *bytes = malloc(INPUT_MOST);
	size_t size;
	FILE *file;

	test_context = name;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	check(file && bytes);
	size = fread(bytes, 1, INPUT_MOST, file);
	fclose(file);
	bytes = realloc(bytes, size ? size : 1); /* so that a sanitizer sees one too many */
	check(bytes);
	printf("%s\n", name);
	fflush(stdout); /* the last one printed is the one that ends this program */
	alarm(PATIENCE_SECONDS);
	LLVMFuzzerTestOneInput(bytes, size);
	alarm(0);
	free(bytes);
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n;

	check_eq(argc, 2);
	n = scandir(argv[1], &entries, is_input, alphasort);
	check_compare(n, >, 0);
	for (int i = 0; i < n; i++) {
		run_file(argv[1], entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	printf("%d inputs\n", n);
	return 0;
}
