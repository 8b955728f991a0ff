// SPDX-License-Identifier: GPL-2.0
/*
 * Does this machine keep memory tags? Five neighbouring granules get five different tags, and each must read back as
 * it was written. Emulators exist that answer with a neighbour's tag. Exit status 0: they do, 1: they do not,
 * 4: there are no tags here.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "tags.h"

#define COUNT	5

#ifdef __aarch64__
int main(void)
{
	int wrong = 0;
	char *page;

	if (!has_tags())
		return 4;
	page = mmap(NULL, 4096, RW_TAGGED, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 1;
	for (int i = 0; i < COUNT; i++)
		set_tag(page + i * GRANULE, 2 * i + 1);
	for (int i = 0; i < COUNT; i++) {
		unsigned long tag = get_tag(page + i * GRANULE);

		if (tag != 2UL * i + 1) {
			printf("granule %d: wrote tag %d, read %lu\n", i, 2 * i + 1, tag);
			wrong = 1;
		}
	}
	return wrong;
}
#else
int main(void)
{
	return 4;
}
#endif
