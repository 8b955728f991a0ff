// SPDX-License-Identifier: GPL-2.0
/* What it costs to ask which pages are there, and which were written: /proc/self/pagemap read, and PAGEMAP_SCAN. */
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

#define HUGE_PAGES		((64UL << 30) / PAGE)
#define WRITTEN_STEP		16

static struct region regions[MANY];
static uint64_t entries[MANY];
static int pagemap;

static int scan(struct area *a, uint64_t flags, uint64_t wanted)
{
	struct scan s = {
		.size = sizeof(s), .flags = flags, .start = (uintptr_t)a->mem,
		.end = (uintptr_t)a->mem + a->pages * PAGE,
		.vec = (uintptr_t)regions, .vec_len = MANY, .all_of = wanted, .give = wanted,
	};

	return ioctl(pagemap, SCAN, &s) < 0;
}

static int read_and_filter(struct area *a)
{
	size_t size = a->pages * sizeof(*entries), found = 0;

	if (pread(pagemap, entries, size, (uintptr_t)a->mem / PAGE * sizeof(*entries)) != (ssize_t)size)
		return 1;
	for (size_t i = 0; i < a->pages; i++)
		found += entries[i] >> 63;
	return found != a->pages;
}

static int scan_present(struct area *a)
{
	return scan(a, 0, IS_PRESENT);
}

static int touch_every_other(struct area *a)
{
	map(a);
	for (size_t i = 0; i < a->pages; i += 2)
		write_pages(a->mem + i * PAGE, 1);
	return 0;
}

static int touch_two(struct area *a)
{
	a->mem = map_at(PLACE, a->pages * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE | MAP_NORESERVE);
	write_pages(a->mem + a->pages / 3 * PAGE, 1);
	write_pages(a->mem + a->pages / 3 * 2 * PAGE, 1);
	return 0;
}

/* Registers touched memory for asynchronous write protection. The descriptor is closed with the process. */
static int watch(struct area *a)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_WP };

	map_and_touch(a);
	a->child = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (a->child < 0)
		give_up("userfaultfd");
	area.range.start = (uintptr_t)a->mem;
	area.range.len = a->pages * PAGE;
	return ioctl(a->child, UFFDIO_API, &api) || ioctl(a->child, UFFDIO_REGISTER, &area);
}

static int arm(struct area *a)
{
	return scan(a, WP_MATCHING | CHECK_WPASYNC, 0);
}

static int watch_and_arm(struct area *a)
{
	return watch(a) || arm(a);
}

static int write_all(struct area *a)
{
	write_pages(a->mem, a->pages);
	return 0;
}

static int write_some(struct area *a)
{
	if (watch_and_arm(a))
		return 1;
	for (size_t i = 0; i < a->pages; i += WRITTEN_STEP)
		write_pages(a->mem + i * PAGE, 1);
	return 0;
}

static int get_and_reset(struct area *a)
{
	return scan(a, WP_MATCHING | CHECK_WPASYNC, IS_WRITTEN);
}

static int scan_written(struct area *a)
{
	return scan(a, 0, IS_WRITTEN);
}

static void unwatch(struct area *a)
{
	close(a->child);
}

static const struct figure figures[] = {
	{ "pagemap-read", "instructions/page", map_and_touch, read_and_filter },
	{ "scan-present", "instructions/page", map_and_touch, scan_present },
	{ "scan-alternating", "instructions/page", touch_every_other, scan_present },
	{ "scan-sparse", "instructions", touch_two, scan_present, .pages = HUGE_PAGES, .per = 1 },
	{ "watch-arm", "instructions/page", watch, arm, unwatch },
	{ "watch-write", "instructions/page", watch_and_arm, write_all, unwatch },
	{ "watch-get-reset", "instructions/page", write_some, get_and_reset, unwatch },
	{ "watch-clean", "instructions/page", watch_and_arm, scan_written, unwatch },
};

int main(void)
{
	start_bench();
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		give_up("pagemap");
	/* So that no figure has the first touch of these in it */
	memset(regions, 1, sizeof(regions));
	memset(entries, 1, sizeof(entries));
	run_figures(figures, COUNT(figures));
	return 0;
}
