// SPDX-License-Identifier: GPL-2.0
/*
 * What memory with tags costs where tags are kept in RAM that holds data otherwise (arm64): faults, when the block of
 * storage that a page needs is reserved already, is free, or is occupied by data; and mprotect(PROT_MTE) of what is
 * populated, which must not depend on how much storage that takes. For root.
 */
#include <fcntl.h>
#include <stdint.h>

#include "../tag-storage/storage.h"
#include "bench.h"

#ifdef __aarch64__
/* Pages: 16 MiB */
#define PAGES		4096UL
#define POPULATED	16384UL		/* pages: 64 MiB */
#define NEIGHBOURS	(8 * PAGES)
#define SPARE		(48UL << 8)	/* pages that nobody hunts for */

static int map_tagged(struct area *a)
{
	a->mem = map_at(PLACE, a->pages * PAGE, RW_TAGGED, MAP_FIXED_NOREPLACE);
	return 0;
}

static int write_each(struct area *a)
{
	write_pages(a->mem, a->pages);
	return 0;
}

static unsigned long before;
static char *neighbours;

/*
 * Of two pages next to each other one is freed, so that the next one to have it finds its block reserved. More than are
 * needed, for some stay where only memory without tags is taken from.
 */
static int map_where_reserved(struct area *a)
{
	if (!neighbours) {
		neighbours = map_at(NULL, NEIGHBOURS * PAGE, RW_TAGGED, 0);
		write_pages(neighbours, NEIGHBOURS);
		for (size_t i = 0; i < NEIGHBOURS; i += 2)
			madvise(neighbours + i * PAGE, PAGE, MADV_DONTNEED);
	}
	before = reserved();
	return map_tagged(a);
}

/* Some pages are others than those that were freed */
static void check_where_reserved(struct area *a)
{
	if (reserved() - before > a->pages / PAGES_PER_TAG_PAGE / 4)
		give_up("the storage was not reserved");
}

static int map_where_free(struct area *a)
{
	before = reserved();
	return map_tagged(a);
}

static void check_where_free(struct area *a)
{
	if (reserved() - before < a->pages / PAGES_PER_TAG_PAGE / regions[0].block_pages)
		give_up("the storage was reserved before");
}

/* Has data in all of the tag storage that is free: takes all memory but some, and gives back what is elsewhere */
static char *occupy(size_t *pages)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	char *p;

	*pages = number_in("/proc/meminfo", "MemFree:") / 4 - SPARE;
	p = map_at(NULL, *pages * PAGE, RW, 0);
	write_pages(p, *pages);
	for (size_t i = 0; i < *pages; i++) {
		uint64_t entry = entry_in(pagemap, p + i * PAGE);

		if (!entry)
			give_up("pagemap");
		if (!in_tag_storage(pfn_in(entry)))
			madvise(p + i * PAGE, PAGE, MADV_DONTNEED);
	}
	close(pagemap);
	return p;
}

static char *occupied;
static size_t occupied_pages;

static int map_where_occupied(struct area *a)
{
	if (neighbours)
		munmap(neighbours, NEIGHBOURS * PAGE);
	neighbours = NULL;
	occupied = occupy(&occupied_pages);
	return map_tagged(a);
}

static void free_occupied(struct area *a)
{
	(void)a;
	munmap(occupied, occupied_pages * PAGE);
}

static int tag(struct area *a)
{
	return mprotect(a->mem, a->pages * PAGE, RW_TAGGED);
}

static int map_touch_and_tag(struct area *a)
{
	map_and_touch(a);
	return tag(a);
}

static int occupy_map_and_touch(struct area *a)
{
	map_and_touch(a);
	occupied = occupy(&occupied_pages);
	return 0;
}

static const struct figure figures[] = {
	{ "tags-fault-free", "instructions/page", map_where_free, write_each, check_where_free, PAGES },
	{ "tags-fault-reserved", "instructions/page", map_where_reserved, write_each, check_where_reserved, PAGES },
	{ "tags-fault-occupied", "instructions/page", map_where_occupied, write_each, free_occupied, PAGES, 0, 2 },
	{ "tags-mprotect", "instructions/page", map_and_touch, tag, NULL, POPULATED },
	{ "tags-mprotect-occupied", "instructions/page", occupy_map_and_touch, tag, free_occupied, POPULATED, 0, 2 },
	{ "tags-mprotect-write", "instructions/page", map_touch_and_tag, write_each, NULL, POPULATED },
};

int main(void)
{
	long faults, retries;

	if (number_in(STATE, "enabled") != 1 || reserved() < 0)
		return 0;
	start_bench();
	faults = number_in("/proc/vmstat", "fault_on_access");
	retries = number_in("/proc/vmstat", "fault_on_access_retry");
	run_figures(figures, COUNT(figures));
	faults = number_in("/proc/vmstat", "fault_on_access") - faults;
	retries = number_in("/proc/vmstat", "fault_on_access_retry") - retries;
	report("tags-replays", faults ? (double)retries / faults : ABSENT, "replays/fault");
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
