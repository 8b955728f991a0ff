// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEMAP_SCAN of transparent huge pages, and a comparison: the pages written since the last time,
 * found by each way there is to do it. Whatever a way finds is compared with what was written, in
 * every round.
 */
#include <pthread.h>

#include "scan.h"

#define HUGE		(2UL << 20)
#define HUGE_PAGES	(HUGE / PAGE)
#define SEED		1

#define PM_SOFT_DIRTY	(1ULL << 55)
#define PM_UFFD_WP	(1ULL << 57)

/* The kernel's word on how much of @a is huge */
static size_t huge_bytes(struct area *a)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long first = (uintptr_t)a->mem, start, end, kb;
	bool inside = false;
	char line[300];
	size_t sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			inside = start >= first && end <= first + a->pages * PAGE;
		else if (inside && sscanf(line, "AnonHugePages: %lu kB", &kb) == 1)
			sum += kb << 10;
	}
	if (f)
		fclose(f);
	return sum;
}

static void map_huge(struct area *a, size_t step, size_t first)
{
	size_t touched = 0;

	a->mem = map_at(PLACE, a->pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_FIXED_NOREPLACE | MAP_NORESERVE);
	if (madvise(a->mem, a->pages * PAGE, MADV_HUGEPAGE))
		give_up("MADV_HUGEPAGE");
	for (size_t i = first; i < a->pages; i += step, touched++)
		write_pages(a->mem + i * PAGE, 1);
	if (huge_bytes(a) == touched * HUGE)
		return;
	fprintf(stderr, "%zu of %zu bytes are in huge pages; give the guest more memory: MEM=\n",
		huge_bytes(a), touched * HUGE);
	exit(1);
}

static int huge(struct area *a)
{
	map_huge(a, HUGE_PAGES, 0);
	return 0;
}

static int huge_every_other(struct area *a)
{
	map_huge(a, 2 * HUGE_PAGES, 0);
	return 0;
}

static int huge_two(struct area *a)
{
	map_huge(a, a->pages / 3 + 1, a->pages / 3);
	return 0;
}

static int watch_huge(struct area *a)
{
	return huge(a) || watch_async(a);
}

static int watch_huge_and_arm(struct area *a)
{
	return watch_huge(a) || arm(a);
}

static int write_one_each(struct area *a)
{
	return write_every(a, HUGE_PAGES);
}

static int write_some_huge(struct area *a)
{
	return watch_huge_and_arm(a) || write_every(a, WRITTEN_STEP);
}

static void two_huge_found(struct area *a)
{
	check_found(a, 2 * HUGE_PAGES);
}

static void one_each_written(struct area *a)
{
	if (scan_written(a))
		give_up("PAGEMAP_SCAN");
	check_found(a, a->pages / HUGE_PAGES);
}

static const struct figure figures[] = {
	{ "thp-scan-present", "instructions/page", huge, scan_present, all_found },
	{ "thp-scan-alternating", "instructions/page", huge_every_other, scan_present, half_found },
	{ "thp-scan-sparse", "instructions", huge_two, scan_present, two_huge_found,
	  .pages = SPARSE_PAGES, .per = 1 },
	{ "thp-watch-arm", "instructions/page", watch_huge, arm, all_found },
	{ "thp-watch-split", "instructions/write", watch_huge_and_arm, write_one_each,
	  one_each_written, .per = MANY / HUGE_PAGES },
	{ "thp-watch-write", "instructions/page", watch_huge_and_arm, write_all, all_written },
	{ "thp-watch-get-reset", "instructions/page", write_some_huge, get_and_reset, some_found },
	{ "thp-watch-clean", "instructions/page", watch_huge_and_arm, scan_written, none_found },
};

/*
 * A way to find the pages written: begin() arms the memory; collect() says in found[] which pages
 * were written since, and arms them again. EINVAL or ENOTTY from begin() means that the kernel
 * cannot do it.
 */
struct way {
	const char *name;
	int (*begin)(struct area *a);
	int (*collect)(struct area *a);
};

static uint32_t found[MANY];
static volatile size_t found_count;
static uint64_t entries[MANY];
static struct area tracked = { .pages = MANY };
static int clear_refs;

static void add(uintptr_t address)
{
	if (found_count == MANY) {
		fprintf(stderr, "more pages found than there are\n");
		exit(1);
	}
	found[found_count++] = (address - (uintptr_t)tracked.mem) / PAGE;
}

static int begin_scan(struct area *a)
{
	return watch_async(a) || arm(a);
}

static int collect_scan(struct area *a)
{
	if (get_and_reset(a))
		return 1;
	for (int i = 0; i < region_count; i++)
		for (uint64_t page = regions[i].start; page < regions[i].end; page += PAGE)
			add(page);
	return 0;
}

/* The entries of @pages from the start of @a on */
static int read_entries(struct area *a, size_t pages)
{
	size_t size = pages * sizeof(*entries);
	off_t offset = (uintptr_t)a->mem / PAGE * sizeof(*entries);

	return pread(pagemap, entries, size, offset) != (ssize_t)size;
}

static int protect(struct area *a, uintptr_t start, size_t length, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { start, length }, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(a->child, UFFDIO_WRITEPROTECT, &wp);
}

static int protect_all(struct area *a)
{
	return protect(a, (uintptr_t)a->mem, a->pages * PAGE, true);
}

static int begin_pagemap(struct area *a)
{
	return watch_async(a) || protect_all(a);
}

/* The pages whose entry in /proc/self/pagemap has @bit as wanted */
static int filter(struct area *a, uint64_t bit, bool wanted)
{
	if (read_entries(a, a->pages))
		return 1;
	for (size_t i = 0; i < a->pages; i++)
		if (!!(entries[i] & bit) == wanted)
			add((uintptr_t)a->mem + i * PAGE);
	return 0;
}

static int collect_pagemap(struct area *a)
{
	return filter(a, PM_UFFD_WP, false) || protect_all(a);
}

static int clear_soft_dirty(void)
{
	return pwrite(clear_refs, "4", 1, 0) != 1;
}

/* New memory is soft-dirty wherever there is such a thing */
static int begin_soft_dirty(struct area *a)
{
	clear_refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (clear_refs < 0 || read_entries(a, 1))
		return 1;
	errno = EINVAL;
	return !(entries[0] & PM_SOFT_DIRTY) || clear_soft_dirty();
}

static int collect_soft_dirty(struct area *a)
{
	return filter(a, PM_SOFT_DIRTY, true) || clear_soft_dirty();
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & -PAGE;

	(void)context;
	if (page - (uintptr_t)tracked.mem >= tracked.pages * PAGE) {
		signal(sig, SIG_DFL);
		return;
	}
	add(page);
	if (mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE))
		give_up("mprotect of a written page");
}

static int read_only(struct area *a)
{
	return mprotect(a->mem, a->pages * PAGE, PROT_READ);
}

static int begin_mprotect(struct area *a)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	return sigaction(SIGSEGV, &action, NULL) || read_only(a);
}

/* Synchronous write protection: the writer waits until this has taken the protection off. */
static void *monitor(void *arg)
{
	struct area *a = arg;
	struct uffd_msg msg;

	while (read(a->child, &msg, sizeof(msg)) == sizeof(msg)) {
		uintptr_t page = msg.arg.pagefault.address & -PAGE;

		add(page);
		if (protect(a, page, PAGE, false))
			give_up("UFFDIO_WRITEPROTECT of a written page");
	}
	give_up("userfaultfd");
}

static int begin_userfaultfd(struct area *a)
{
	pthread_t thread;

	if (watch_with(a, UFFD_FEATURE_PAGEFAULT_FLAG_WP) || protect_all(a))
		return 1;
	errno = pthread_create(&thread, NULL, monitor, a);
	return errno;
}

static const struct way ways[] = {
	{ "scan", begin_scan, collect_scan },
	{ "pagemap", begin_pagemap, collect_pagemap },
	{ "soft-dirty", begin_soft_dirty, collect_soft_dirty },
	{ "mprotect", begin_mprotect, read_only },
	{ "userfaultfd", begin_userfaultfd, protect_all },
};

static const struct way *way;
static uint64_t random_state = SEED;
static uint32_t written[MANY / WRITTEN_STEP];

/* One page of every so many, so that what each round costs depends little on the choice */
static void choose_pages(void)
{
	for (size_t i = 0; i < COUNT(written); i++) {
		random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
		written[i] = i * WRITTEN_STEP + (random_state >> 33) % WRITTEN_STEP;
	}
}

static void write_chosen(void)
{
	for (size_t i = 0; i < COUNT(written); i++)
		write_pages(tracked.mem + written[i] * PAGE, 1);
}

static void compare(int round)
{
	static uint8_t state[MANY];
	size_t wrong = 0;

	memset(state, 0, sizeof(state));
	for (size_t i = 0; i < COUNT(written); i++)
		state[written[i]] = 1;
	for (size_t i = 0; i < found_count; i++)
		wrong += state[found[i]]++ != 1;
	for (size_t i = 0; i < COUNT(written); i++)
		wrong += state[written[i]] != 2;
	if (!wrong)
		return;
	fprintf(stderr, "%s: round %d, seed %d: %zu pages written, %zu found, %zu wrong\n",
		way->name, round, SEED, COUNT(written), found_count, wrong);
	exit(1);
}

static void report_of(const char *what, double value, const char *unit)
{
	char key[100];

	snprintf(key, sizeof(key), "track-%s%s", way->name, what);
	report(key, value, unit);
}

static void track(double *writes, double *collecting)
{
	double begin, middle, end;

	for (int round = 0; round <= ROUNDS; round++) {
		choose_pages();
		found_count = 0;
		begin = now();
		write_chosen();
		middle = now();
		if (way->collect(&tracked))
			give_up(way->name);
		end = now();
		compare(round);
		if (!round)
			continue;
		keep_least(writes, middle - begin - clock_cost);
		keep_least(collecting, end - middle - clock_cost);
	}
}

/* In a process of its own, which takes threads, signal handlers and descriptors with it */
static void report_way(void)
{
	double writes = ABSENT, collecting = ABSENT;

	open_pagemap();
	memset(entries, 1, sizeof(entries));
	memset(found, 1, sizeof(found));
	map_and_touch(&tracked);
	if (!way->begin(&tracked))
		track(&writes, &collecting);
	else if (errno != EINVAL && errno != ENOTTY)
		give_up(way->name);
	report_of("-write", writes / COUNT(written), "instructions/write");
	report_of("-collect", collecting / MANY, "instructions/page");
	report_of("", (writes + collecting) / MANY, "instructions/page");
	exit(0);
}

static void report_in_child(void)
{
	struct area a;

	fflush(stdout);
	a.child = fork();
	if (!a.child)
		report_way();
	wait_for_child(&a);
}

int main(void)
{
	start_bench();
	open_pagemap();
	printf("# seed %d\n", SEED);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	run_figures(figures, COUNT(figures));
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (way = ways; way < ways + COUNT(ways); way++)
		report_in_child();
	return 0;
}
