/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs for tag storage share: what the kernel says of the storage and of where pages are, numbers and
 * words in files of /proc and /sys, sizes, and how a test begins.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../tags.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define PAGE			4096UL
#define PAGE_GRANULES		(PAGE / GRANULE)
#define PAGE_WORDS		(PAGE / sizeof(uint64_t))
#define PAGES_PER_TAG_PAGE	32UL
#define MIB			(1UL << 20)
#define HUGE			(2 * MIB)
#define HUGE_PAGES		(HUGE / PAGE)

#define STATE			"/sys/kernel/debug/mte_tag_storage"
#define SWAP_DEVICE		"/dev/zram0"

#define PM_PFN			((1UL << 55) - 1)
#define PM_PRESENT		(1UL << 63)

/* As many as the kernel can have */
#define MAX_REGIONS		8

/* In page frame numbers, last ones included; the place of the tags of data, and how much of it goes together */
struct region {
	uint64_t data, data_last, tags, tags_last, block_pages;
};

/* As reserved() has found them */
static struct region regions[MAX_REGIONS];
static size_t region_count;

/* Files */

/* A number after "@name " at the start of a line of a file, or with "" alone in it; -1 if there is none */
static inline long number_in(const char *path, const char *name)
{
	size_t length = strlen(name);
	FILE *file = fopen(path, "r");
	long number = -1;
	char line[256];

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && (!length || line[length] == ' '))
			number = strtol(line + length, NULL, 0);
	if (file)
		fclose(file);
	return number;
}

static inline bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Tag storage */

/* How many blocks the kernel has taken, of all regions; -1 if it has none to give */
static inline long reserved(void)
{
	uint64_t data, data_end, tags, tags_end;
	unsigned long block, blocks, taken;
	FILE *file = fopen(STATE, "r");
	long sum = 0;
	char line[256];

	region_count = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "region %lx-%lx tags %lx-%lx block %lu blocks %lu reserved %lu", &data, &data_end,
			   &tags, &tags_end, &block, &blocks, &taken) != 7 || region_count == MAX_REGIONS)
			continue;
		regions[region_count++] = (struct region){
			.data = data / PAGE, .data_last = data_end / PAGE, .tags = tags / PAGE,
			.tags_last = tags_end / PAGE, .block_pages = block / PAGE,
		};
		sum += taken;
	}
	if (file)
		fclose(file);
	return region_count ? sum : -1;
}

static inline uint64_t tag_storage_pages(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < region_count; i++)
		sum += regions[i].tags_last - regions[i].tags + 1;
	return sum;
}

/* The first page of the block that the page is in, if that is one for tags; else 0 */
static inline uint64_t tag_block_at(uint64_t pfn)
{
	for (size_t i = 0; i < region_count; i++) {
		const struct region *r = &regions[i];

		if (pfn >= r->tags && pfn <= r->tags_last)
			return pfn - (pfn - r->tags) % r->block_pages;
	}
	return 0;
}

static inline bool in_tag_storage(uint64_t pfn)
{
	return tag_block_at(pfn);
}

/* Pages */

/* What an open pagemap has of the page, 0 if that cannot be read */
static inline uint64_t entry_in(int pagemap, const void *p)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)p / PAGE * sizeof(entry)) != sizeof(entry))
		return 0;
	return entry;
}

static inline uint64_t pfn_in(uint64_t entry)
{
	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}

/* Where it is in the machine, 0 if it is not in memory or the kernel does not tell */
static inline uint64_t physical(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t pfn = pfn_in(entry_in(fd, p));

	if (fd >= 0)
		close(fd);
	return pfn ? pfn * PAGE + (uintptr_t)p % PAGE : 0;
}

/*
 * Has every processor put the pages it has faulted in onto the LRU. To collapse begins with that, if the mapping has a
 * page; a range of one page has nothing to collapse.
 */
static inline void drain(void)
{
	char *p = mmap(NULL, 2 * HUGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	*p = 1;
	madvise(p, PAGE, MADV_COLLAPSE);
	munmap(p, 2 * HUGE);
}

static inline int last_node(void)
{
	int node = 0;

	for (char path[64]; ; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node + 1);
		if (access(path, F_OK))
			return node;
	}
}

/* Tests that draw lots */

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebUL;
	return x ^ x >> 31;
}

static inline unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

/* Their seed. The kernel has no huge pages by itself when memory is small. */
static inline unsigned long start_tests(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	put("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	put("/sys/kernel/mm/transparent_hugepage/defrag", "madvise");
	return setting("SEED", time(NULL) ^ (unsigned long)getpid() << 32);
}

#endif
