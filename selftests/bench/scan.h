/* SPDX-License-Identifier: GPL-2.0 */
/* PAGEMAP_SCAN and asynchronous write protection, for the benchmarks that use them. */
#ifndef SCAN_H
#define SCAN_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "bench.h"

/* As in linux/fs.h of 6.7 and later, with names of our own: the headers here may be of any age */
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, all_of, any_of, give;
};

struct region {
	uint64_t start, end, categories;
};

#define SCAN			_IOWR('f', 16, struct scan)
#define IS_WRITTEN		(1 << 1)
#define IS_PRESENT		(1 << 3)
#define WP_MATCHING		(1 << 0)
#define CHECK_WPASYNC		(1 << 1)
#define FEATURE_WP_UNPOPULATED	(1 << 13)
#define FEATURE_WP_ASYNC	(1 << 15)

#define WRITTEN_STEP		16
#define SPARSE_PAGES		((64UL << 30) / PAGE)

static struct region regions[MANY];
static int region_count, pagemap;

/* Fills regions[] */
static inline int scan(struct area *a, uint64_t flags, uint64_t wanted)
{
	struct scan s = {
		.size = sizeof(s), .flags = flags, .start = (uintptr_t)a->mem,
		.end = (uintptr_t)a->mem + a->pages * PAGE,
		.vec = (uintptr_t)regions, .vec_len = MANY, .all_of = wanted, .give = wanted,
	};

	region_count = ioctl(pagemap, SCAN, &s);
	return region_count < 0;
}

/* The first touch of the answers is then part of no figure */
static inline void open_pagemap(void)
{
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		give_up("/proc/self/pagemap");
	memset(regions, 1, sizeof(regions));
}

/* Memory registered for write protection, which says so to the descriptor a->child, or to nobody */
static inline int watch_with(struct area *a, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_WP };

	a->child = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (a->child < 0)
		give_up("userfaultfd");
	area.range.start = (uintptr_t)a->mem;
	area.range.len = a->pages * PAGE;
	return ioctl(a->child, UFFDIO_API, &api) || ioctl(a->child, UFFDIO_REGISTER, &area);
}

static inline int watch_async(struct area *a)
{
	return watch_with(a, FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED);
}

static inline int write_all(struct area *a)
{
	write_pages(a->mem, a->pages);
	return 0;
}

static inline int write_every(struct area *a, size_t step)
{
	for (size_t i = 0; i < a->pages; i += step)
		write_pages(a->mem + i * PAGE, 1);
	return 0;
}

static inline int arm(struct area *a)
{
	return scan(a, WP_MATCHING | CHECK_WPASYNC, 0);
}

static inline int get_and_reset(struct area *a)
{
	return scan(a, WP_MATCHING | CHECK_WPASYNC, IS_WRITTEN);
}

static inline int scan_present(struct area *a)
{
	return scan(a, 0, IS_PRESENT);
}

static inline int scan_written(struct area *a)
{
	return scan(a, 0, IS_WRITTEN);
}

/* After a figure: a scan that finds too little is a cheap one. A descriptor there is goes, too. */
static inline void check_found(struct area *a, size_t wanted)
{
	size_t pages = 0;

	for (int i = 0; i < region_count; i++)
		pages += (regions[i].end - regions[i].start) / PAGE;
	if (pages != wanted) {
		fprintf(stderr, "PAGEMAP_SCAN found %zu pages, and not %zu\n", pages, wanted);
		exit(1);
	}
	if (a->child)
		close(a->child);
}

static inline void all_found(struct area *a)
{
	check_found(a, a->pages);
}

static inline void half_found(struct area *a)
{
	check_found(a, a->pages / 2);
}

static inline void some_found(struct area *a)
{
	check_found(a, a->pages / WRITTEN_STEP);
}

static inline void none_found(struct area *a)
{
	check_found(a, 0);
}

static inline void all_written(struct area *a)
{
	if (scan_written(a))
		give_up("PAGEMAP_SCAN");
	all_found(a);
}

#endif
