// SPDX-License-Identifier: GPL-2.0
/* Categories of the pages in a range: by PAGEMAP_SCAN, or by reading pagemap where there is none. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ptmap.h"

#define SCAN		_IOWR('f', 16, struct scan_arg)
#define REGIONS		1024
#define ENTRIES		32768

#define ENTRY_SOFT_DIRTY	(1ULL << 55)
#define ENTRY_GUARD		(1ULL << 58)
#define ENTRY_FILE		(1ULL << 61)
#define ENTRY_SWAPPED		(1ULL << 62)
#define ENTRY_PRESENT		(1ULL << 63)
#define KNOWN_BY_READING	(IS_PRESENT | IS_SWAPPED | IS_FILE | IS_SOFT_DIRTY)

/* Neighbours that are alike come as one region, however they were found */
struct gatherer {
	const struct filter *filter;
	region_fn *found;
	void *data;
	struct region last;
};

int scan_call(int pagemap, struct scan_arg *arg)
{
	int n;

	arg->size = sizeof(*arg);
	do
		n = ioctl(pagemap, SCAN, arg);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Kernels refuse categories that they do not know, and each has all that the one before had */
static uint64_t probe(int pagemap)
{
	static const uint64_t generations[] = {
		ALL_CATEGORIES,
		ALL_CATEGORIES & ~IS_GUARD,
		ALL_CATEGORIES & ~(IS_GUARD | IS_SOFT_DIRTY),
	};

	for (size_t i = 0; i < COUNT(generations); i++) {
		struct scan_arg arg = { .return_mask = generations[i] };

		if (!scan_call(pagemap, &arg))
			return generations[i];
		if (errno != EINVAL)
			break;
	}
	return 0;
}

int scanner_open(struct scanner *s, pid_t pid, enum method method)
{
	char path[40];
	int error;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	s->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (s->pagemap < 0)
		return errno;
	errno = 0;
	s->known = method == METHOD_READ ? 0 : probe(s->pagemap);
	error = errno;
	s->by_ioctl = s->known;
	if (s->by_ioctl)
		return 0;
	s->known = KNOWN_BY_READING;
	if (error != ESRCH && method != METHOD_SCAN)
		return 0;
	close(s->pagemap);
	return error == ESRCH ? ESRCH : ENOTTY;
}

void scanner_close(struct scanner *s)
{
	close(s->pagemap);
}

static void hand_over(struct gatherer *g)
{
	if (g->last.end)
		g->found(g->data, &g->last);
	g->last.end = 0;
}

static void gather(struct gatherer *g, uint64_t start, uint64_t end, uint64_t categories)
{
	categories = real_categories(categories);
	if (!g->filter->takes[categories])
		return;
	if (g->last.end == start && g->last.categories == categories) {
		g->last.end = end;
		return;
	}
	hand_over(g);
	g->last = (struct region){ start, end, categories };
}

static int scan_by_ioctl(struct scanner *s, uint64_t start, uint64_t end, struct gatherer *g)
{
	static struct region regions[REGIONS];
	const struct filter *f = g->filter;

	while (start < end) {
		struct scan_arg arg = {
			.start = start, .end = end, .vec = (uintptr_t)regions, .vec_len = REGIONS,
			.inverted = f->inverted & s->known, .mask = f->mask & s->known,
			.anyof = f->anyof & s->known, .return_mask = s->known,
		};
		int n = scan_call(s->pagemap, &arg);

		if (n < 0)
			return errno;
		for (int i = 0; i < n; i++)
			gather(g, regions[i].start, regions[i].end, regions[i].categories);
		if (arg.walk_end <= start)
			return EIO;
		start = arg.walk_end;
	}
	return 0;
}

static uint64_t categories_of_entry(uint64_t entry)
{
	if (entry & ENTRY_GUARD)
		return IS_GUARD;
	return (entry & ENTRY_PRESENT ? IS_PRESENT : 0) | (entry & ENTRY_SWAPPED ? IS_SWAPPED : 0) |
	       (entry & ENTRY_FILE ? IS_FILE : 0) |
	       (entry & ENTRY_SOFT_DIRTY && entry & (ENTRY_PRESENT | ENTRY_SWAPPED) ?
			IS_SOFT_DIRTY :
			0);
}

static int scan_by_reading(struct scanner *s, uint64_t start, uint64_t end, struct gatherer *g)
{
	static uint64_t entries[ENTRIES];
	uint64_t page = page_size();

	while (start < end) {
		uint64_t wanted = (end - start) / page;
		ssize_t got = pread(s->pagemap, entries,
				    (wanted < ENTRIES ? wanted : ENTRIES) * sizeof(*entries),
				    start / page * sizeof(*entries));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		/* The process has ended, or its mappings have */
		if (!got)
			return ESRCH;
		for (size_t i = 0; i < got / sizeof(*entries); i++, start += page)
			gather(g, start, start + page, categories_of_entry(entries[i]));
	}
	return 0;
}

int scan_range(struct scanner *s, uint64_t start, uint64_t end, const struct filter *filter,
	       region_fn *found, void *data)
{
	struct gatherer g = { .filter = filter, .found = found, .data = data };
	int error;

	if (filter->takes_nothing)
		return 0;
	error = s->by_ioctl ? scan_by_ioctl(s, start, end, &g) : scan_by_reading(s, start, end, &g);
	hand_over(&g);
	return error;
}

static void tell_limits(enum method method)
{
	static bool told;

	if (told || method == METHOD_READ)
		return;
	told = true;
	complain(
		"this kernel has no PAGEMAP_SCAN (Linux 6.7 and later have); reading pagemap instead, which cannot tell "
		"huge pages, the zero page, written and write-protected ones");
}

/*
 * An expression about what cannot be known would match nothing, or everything, and look like an
 * answer
 */
static void check_filter(const struct scanner *s, const struct filter *filter)
{
	uint64_t unknown = filter->words & ~s->known;
	char names[120] = "";

	for (unsigned int i = 0; i < CATEGORIES; i++) {
		if (!(unknown >> i & 1))
			continue;
		strcat(names, *names ? ", " : "");
		strcat(names, category_names[i]);
	}
	if (unknown)
		fail("--category '%s': what is %s cannot be told here; %s", filter->text, names,
		     s->by_ioctl ? "newer kernels can" :
				   "it takes a kernel with PAGEMAP_SCAN, and no --method=read");
}

void open_process(struct scanner *s, pid_t pid)
{
	int error = scanner_open(s, pid, options.method);

	switch (error) {
	case 0:
		break;
	case ENOENT:
		fail("there is no process %d", pid);
	case EACCES:
	case EPERM:
		fail("process %d: not permitted; ask as its user or as root (CAP_SYS_PTRACE)", pid);
	case ESRCH:
		fail("process %d has no memory of its own: it is a kernel thread, or has ended",
		     pid);
	case ENOTTY:
		fail("this kernel has no PAGEMAP_SCAN (Linux 6.7 and later have); use --method=read");
	default:
		fail("process %d: cannot open its pagemap: %s", pid, strerror(error));
	}
	if (!s->by_ioctl)
		tell_limits(options.method);
	check_filter(s, &options.filter);
}
