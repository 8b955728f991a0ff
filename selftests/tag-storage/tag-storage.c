// SPDX-License-Identifier: GPL-2.0
/*
 * Tag storage that is memory while nothing needs it (arm64): are tags and data kept whatever becomes of a page, is as
 * much storage taken as the tagged pages need, and is all of it given back?
 *
 *   tag-storage [PATTERN]        only the tests whose names match
 *
 * For root, on a machine with swap whose memory tags are in its own RAM. Where a page lies is read from
 * /proc/self/pagemap, what is taken from /sys/kernel/debug/mte_tag_storage, what faulted from /proc/vmstat. Without
 * the feature every test fails. SEED and ROUNDS are for the tests that draw lots or repeat.
 *
 * Every test has a process of its own, and what it took has to be free when that is gone. Pages that were just faulted
 * in may still be on their way to the LRU of another processor, which keeps them; so these lists are drained first, but
 * not where only one processor can have had the pages: there, freeing has to show at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __aarch64__
#ifndef HWCAP2_MTE
#define HWCAP2_MTE		(1 << 18)
#endif
#ifndef PROT_MTE
#define PROT_MTE		0x20
#endif
#ifndef PTRACE_PEEKMTETAGS
#define PTRACE_PEEKMTETAGS	33
#define PTRACE_POKEMTETAGS	34
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define PAGE			4096UL
#define GRANULE			16UL
#define PAGE_GRANULES		(PAGE / GRANULE)
#define PAGE_WORDS		(PAGE / sizeof(uint64_t))
#define PAGES_PER_TAG_PAGE	32UL
#define MIB			(1UL << 20)
#define HUGE			(2 * MIB)
#define HUGE_PAGES		(HUGE / PAGE)

#define RW			(PROT_READ | PROT_WRITE)
#define RW_TAGGED		(RW | PROT_MTE)
#define STATE			"/sys/kernel/debug/mte_tag_storage"
#define KSM			"/sys/kernel/mm/ksm/"
#define SWAP_DEVICE		"/dev/zram0"

#define PM_PFN			((1UL << 55) - 1)
#define PM_PRESENT		(1UL << 63)

#define MAX_REGIONS		8
#define COMPLAINTS		8
/* The exit status of a test that needs two nodes and finds one */
#define ONE_NODE		4
/* Of a test that hangs, not of one that is slow: an emulated machine with all checks built in takes its time */
#define LIMIT_SECONDS		300

/* In page frame numbers, last ones included; the place of the tags of data, and how much of it goes together */
struct region {
	uint64_t data, data_last, tags, tags_last, block_pages;
};

/* Of /proc/vmstat */
struct counters {
	long faults, retry, migrate, fail;
};

static struct region regions[MAX_REGIONS];
static size_t region_count;
static uint64_t seed;
static unsigned long rounds;
static atomic_int failures;
static int pagemap = -1;

/* Say what is wrong, and go on */
#define CHECK(good, ...) ((good) ? (void)0 : complain(__LINE__, __VA_ARGS__))

/* The same for what the rest of the test cannot do without */
#define NEED(good, ...)					\
	do {						\
		if (!(good)) {				\
			complain(__LINE__, __VA_ARGS__);\
			end();				\
		}					\
	} while (0)

__attribute__((format(printf, 2, 3)))
static void complain(int line, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	if (failures++ >= COMPLAINTS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# line %d: %s\n", line, text);
}

static __attribute__((noreturn)) void end(void)
{
	fflush(stdout);
	_exit(failures ? 1 : 0);
}

/* A number after "@name " at the start of a line of a file, or alone in it; -1 if there is none */
static long number_in(const char *path, const char *name)
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

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* What the kernel says of its tag storage: the regions, and how many blocks are taken; -1 if it has none to give */
static long read_state(void)
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

static long reserved(void)
{
	return read_state();
}

static struct counters count_faults(void)
{
	return (struct counters){
		.faults = number_in("/proc/vmstat", "fault_on_access"),
		.retry = number_in("/proc/vmstat", "fault_on_access_retry"),
		.migrate = number_in("/proc/vmstat", "fault_on_access_migrate"),
		.fail = number_in("/proc/vmstat", "fault_on_access_fail"),
	};
}

static const char *missing(void)
{
	struct counters c = count_faults();

	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		return "no memory tags here";
	if (read_state() < 0)
		return "no region in " STATE;
	if (number_in(STATE, "enabled") != 1)
		return "tag storage is not enabled";
	if (c.faults < 0 || c.retry < 0 || c.migrate < 0 || c.fail < 0)
		return "/proc/vmstat does not count fault_on_access";
	return NULL;
}

/* Where pages are */

static uint64_t entry(const void *p)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)p / PAGE * sizeof(entry)) != sizeof(entry))
		return 0;
	return entry;
}

static uint64_t pfn_in(uint64_t entry)
{
	return entry & PM_PRESENT ? entry & PM_PFN : 0;
}

static uint64_t pfn_of(const void *p)
{
	return pfn_in(entry(p));
}

/* The first page of the block that the page is in, if that is one for tags; else 0 */
static uint64_t tag_block_at(uint64_t pfn)
{
	for (size_t i = 0; i < region_count; i++) {
		const struct region *r = &regions[i];

		if (pfn >= r->tags && pfn <= r->tags_last)
			return pfn - (pfn - r->tags) % r->block_pages;
	}
	return 0;
}

static bool in_tag_storage(uint64_t pfn)
{
	return tag_block_at(pfn);
}

/* The first page of the block that has the tags of the page; 0 if no block has */
static uint64_t tag_block_for(uint64_t pfn)
{
	for (size_t i = 0; i < region_count; i++) {
		const struct region *r = &regions[i];

		if (pfn >= r->data && pfn <= r->data_last)
			return tag_block_at(r->tags + (pfn - r->data) / PAGES_PER_TAG_PAGE);
	}
	return 0;
}

static uint64_t tag_storage_pages(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < region_count; i++)
		sum += regions[i].tags_last - regions[i].tags + 1;
	return sum;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t sort_unique(uint64_t *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || list[i] != list[kept - 1])
			list[kept++] = list[i];
	return kept;
}

static bool is_in(uint64_t value, const uint64_t *list, size_t count)
{
	return bsearch(&value, list, count, sizeof(*list), compare);
}

static void *zalloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	NEED(p, "no memory for a list");
	return p;
}

/* The blocks that hold the tags of every @step-th page, in order; the caller frees the list */
static uint64_t *blocks_for(const char *p, size_t pages, size_t step, size_t *count)
{
	uint64_t *list = zalloc(pages, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < pages; i += step) {
		uint64_t pfn = pfn_of(p + i * PAGE);

		if (pfn)
			list[n++] = tag_block_for(pfn);
	}
	*count = sort_unique(list, n);
	return list;
}

/* What is taken since there were @before is what these pages need, but for what may have been taken already */
static void check_reserved(int line, long before, const char *p, size_t pages, size_t step)
{
	long more = reserved() - before;
	size_t need;

	free(blocks_for(p, pages, step, &need));
	if (more > (long)need || more < (long)need - before)
		complain(line, "%ld more blocks are reserved, but %zu hold the tags (%ld were reserved)", more, need,
			 before);
}

/* Each page has faulted once, and again only if the kernel says that it had it do so */
static void check_faults(int line, struct counters before, long pages)
{
	struct counters now = count_faults();
	long faults = now.faults - before.faults, retries = now.retry - before.retry;

	if (faults < pages || faults > pages + retries)
		complain(line, "%ld faults on access (%ld of them again) for %ld pages", faults, retries, pages);
	if (now.fail != before.fail)
		complain(line, "%ld faults on access have failed", now.fail - before.fail);
}

static void check_none_in_tag_storage(int line, const char *p, size_t pages)
{
	size_t bad = 0;

	for (size_t i = 0; i < pages; i++)
		bad += in_tag_storage(pfn_of(p + i * PAGE));
	if (bad)
		complain(line, "%zu of %zu tagged pages are in tag storage", bad, pages);
}

#define CHECK_RESERVED(before, p, pages)	check_reserved(__LINE__, before, p, pages, 1)
#define CHECK_FAULTS(before, pages)		check_faults(__LINE__, before, pages)
#define CHECK_NONE_IN_TAG_STORAGE(p, pages)	check_none_in_tag_storage(__LINE__, p, pages)
#define CHECK_GIVEN_BACK(before)							\
	do {										\
		long now_ = reserved();							\
											\
		CHECK(now_ == (before), "%ld blocks reserved, not %ld", now_, (before));\
	} while (0)

/* Patterns: of @key and the place from the start of what is written; never what is fresh, zero */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebUL;
	return x ^ x >> 31;
}

static uint64_t word(uint64_t key, size_t i)
{
	return mix(seed + (key << 40) + i) | 1;
}

static unsigned int tag(uint64_t key, size_t i)
{
	return 1 + mix(seed + (key << 40) + ~i) % 15;
}

static void set_tag(const char *p, unsigned long tag)
{
	uintptr_t address = (uintptr_t)p | tag << 56;

	asm volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" : : "r"(address) : "memory");
}

static unsigned int get_tag(const char *p)
{
	uintptr_t address = (uintptr_t)p;

	asm volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]" : "+r"(address) : : "memory");
	return address >> 56 & 15;
}

static void write_data(char *p, size_t pages, uint64_t key)
{
	volatile uint64_t *words = (volatile uint64_t *)p;

	for (size_t i = 0; i < pages * PAGE_WORDS; i++)
		words[i] = word(key, i);
}

static void write_tags(char *p, size_t pages, uint64_t key)
{
	for (size_t i = 0; i < pages * PAGE_GRANULES; i++)
		set_tag(p + i * GRANULE, tag(key, i));
}

static void write_both(char *p, size_t pages, uint64_t key)
{
	write_data(p, pages, key);
	write_tags(p, pages, key);
}

static void check_data(int line, const char *p, size_t pages, uint64_t key)
{
	const volatile uint64_t *words = (const volatile uint64_t *)p;
	size_t bad = 0, first = 0;

	for (size_t i = 0; i < pages * PAGE_WORDS; i++)
		if (words[i] != word(key, i) && !bad++)
			first = i;
	if (bad)
		complain(line, "%zu of %zu words are wrong, the first in page %zu at %#lx", bad, pages * PAGE_WORDS,
			 first / PAGE_WORDS, pfn_of(p + first * sizeof(*words)) * PAGE);
}

/* Key 0: no tags at all */
static void check_tags(int line, const char *p, size_t pages, uint64_t key)
{
	size_t bad = 0, first = 0;

	for (size_t i = 0; i < pages * PAGE_GRANULES; i++)
		if (get_tag(p + i * GRANULE) != (key ? tag(key, i) : 0) && !bad++)
			first = i;
	if (bad)
		complain(line, "%zu of %zu tags are wrong, the first in page %zu at %#lx", bad, pages * PAGE_GRANULES,
			 first / PAGE_GRANULES, pfn_of(p + first * GRANULE) * PAGE);
}

#define CHECK_DATA(p, pages, key)	check_data(__LINE__, p, pages, key)
#define CHECK_TAGS(p, pages, key)	check_tags(__LINE__, p, pages, key)
#define CHECK_NO_TAGS(p, pages)		check_tags(__LINE__, p, pages, 0)
#define CHECK_BOTH(p, pages, key)	(CHECK_TAGS(p, pages, key), CHECK_DATA(p, pages, key))

/* Memory */

static char *map_file(int fd, size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	NEED(p != MAP_FAILED, "cannot map %zu pages: %s", pages, strerror(errno));
	return p;
}

static char *map(size_t pages, int prot)
{
	return map_file(-1, pages, prot, MAP_PRIVATE);
}

static void unmap(char *p, size_t pages)
{
	NEED(!munmap(p, pages * PAGE), "munmap: %s", strerror(errno));
}

static void protect(char *p, size_t pages, int prot)
{
	NEED(!mprotect(p, pages * PAGE, prot), "mprotect %#x: %s", prot, strerror(errno));
}

static bool advise(char *p, size_t pages, int advice)
{
	return !madvise(p, pages * PAGE, advice);
}

/* Memory with data and no tags, which then is to have tags: what this is all about */
static char *map_changed(size_t pages, uint64_t key)
{
	char *p = map(pages, RW);

	write_data(p, pages, key);
	protect(p, pages, RW_TAGGED);
	return p;
}

static void touch(const char *p)
{
	(void)*(const volatile char *)p;
}

static sigjmp_buf landing;

static void on_fault(int sig)
{
	siglongjmp(landing, sig);
}

/* The signal that reading @p raises, or writing to it, or 0 */
static int signal_of_access(char *p, bool writing)
{
	int sig;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	sig = sigsetjmp(landing, 1);
	if (!sig) {
		if (writing)
			*(volatile char *)p = 1;
		else
			touch(p);
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return sig;
}

static int make_memfd(size_t pages)
{
	int fd = memfd_create("tag-storage", MFD_CLOEXEC);

	NEED(fd >= 0 && !ftruncate(fd, pages * PAGE), "memfd: %s", strerror(errno));
	return fd;
}

/* Processes and processors */

static void use_processors(bool all)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < (all ? CPU_SETSIZE : 1); i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Has every processor put the pages it has faulted in onto the LRU: nothing collapses, but it begins with that */
static void drain(void)
{
	char *p = mmap(NULL, 2 * HUGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, 2 * HUGE, MADV_HUGEPAGE);
	madvise(p, 2 * HUGE, MADV_COLLAPSE);
	munmap(p, 2 * HUGE);
}

static pid_t start(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	failures = 0;
	/* An open one goes on to show the memory of the one who opened it */
	if (pagemap >= 0)
		close(pagemap);
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	NEED(pagemap >= 0, "pagemap: %s", strerror(errno));
	return 0;
}

static int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void check_child(int line, pid_t pid)
{
	int status = status_of(pid);

	if (status)
		complain(line, "the child ended with status %#x", status);
}

#define CHECK_CHILD(pid)	check_child(__LINE__, pid)

/* Who comes next: [0] is read by who waits */
struct turn {
	int fds[2];
};

static struct turn make_turn(void)
{
	struct turn turn;

	NEED(!pipe2(turn.fds, O_CLOEXEC), "pipe: %s", strerror(errno));
	return turn;
}

static void give(struct turn turn)
{
	NEED(write(turn.fds[1], "", 1) == 1, "write to a pipe: %s", strerror(errno));
}

/* Does not wait for one who cannot answer any more */
static void await(struct turn *turn)
{
	char c;

	close(turn->fds[1]);
	turn->fds[1] = -1;
	NEED(read(turn->fds[0], &c, 1) == 1, "the other process is gone");
	close(turn->fds[0]);
}

static unsigned long draw(unsigned long below)
{
	static uint64_t count;

	return mix(seed + ++count) % below;
}

/* How much is taken, and when it is given back */

static void allocate_page(void)
{
	long before = reserved();
	char *p = map(1, RW_TAGGED);

	CHECK_GIVEN_BACK(before);
	CHECK_NO_TAGS(p, 1);		/* the zero page, which can have tags, as every page can */
	CHECK_GIVEN_BACK(before);
	write_both(p, 1, 1);
	CHECK_RESERVED(before, p, 1);
	CHECK_BOTH(p, 1, 1);
	unmap(p, 1);
	CHECK_GIVEN_BACK(before);
}

static void allocate_pages(void)
{
	long before = reserved();
	char *p = map(64, RW_TAGGED);

	write_both(p, 64, 1);
	CHECK_RESERVED(before, p, 64);
	CHECK_NONE_IN_TAG_STORAGE(p, 64);
	CHECK_BOTH(p, 64, 1);
	NEED(advise(p + 16 * PAGE, 48, MADV_DONTNEED), "MADV_DONTNEED: %s", strerror(errno));
	CHECK_RESERVED(before, p, 16);
	CHECK_NO_TAGS(p + 16 * PAGE, 48);
	CHECK_BOTH(p, 16, 1);
	unmap(p, 64);
	CHECK_GIVEN_BACK(before);
}

static void one_allocation(size_t pages, uint64_t key)
{
	char *p = map(pages, RW_TAGGED);

	for (size_t i = 0; i < pages; i++) {
		CHECK(!get_tag(p + i * PAGE) && !*(volatile char *)(p + i * PAGE), "fresh memory is not zero");
		set_tag(p + i * PAGE, tag(key, i));
		p[i * PAGE] = (char)key | 1;
	}
	for (size_t i = 0; i < pages; i++)
		CHECK(get_tag(p + i * PAGE) == tag(key, i) && p[i * PAGE] == ((char)key | 1), "round %lu: lost", key);
	unmap(p, pages);
}

static void allocate_often(void)
{
	long before = reserved();

	for (unsigned long i = 0; i < 2000 && !failures; i++) {
		one_allocation(1 + draw(8), i);
		CHECK_GIVEN_BACK(before);
	}
}

/* mprotect */

#define MANY	1024UL
#define EVERY	128UL

static void mprotect_reserves_nothing(void)
{
	struct counters faults = count_faults();
	long before = reserved();
	char *p = map_changed(MANY, 1);

	CHECK_GIVEN_BACK(before);
	CHECK_FAULTS(faults, 0);
	unmap(p, MANY);
	CHECK_GIVEN_BACK(before);
	CHECK_FAULTS(faults, 0);
}

static void touch_reserves(void)
{
	long before = reserved();
	char *p = map_changed(MANY, 1);
	struct counters faults = count_faults();

	for (size_t i = 0; i < MANY; i += EVERY)
		touch(p + i * PAGE);
	CHECK_FAULTS(faults, MANY / EVERY);
	check_reserved(__LINE__, before, p, MANY, EVERY);
	for (size_t i = 0; i < MANY; i += EVERY)
		CHECK_NO_TAGS(p + i * PAGE, 1);
	CHECK_FAULTS(faults, MANY / EVERY);
	CHECK_DATA(p, MANY, 1);
	CHECK_NO_TAGS(p, MANY);
	CHECK_FAULTS(faults, MANY);
	CHECK_RESERVED(before, p, MANY);
	write_tags(p, MANY, 2);
	CHECK_FAULTS(faults, MANY);
	CHECK_TAGS(p, MANY, 2);
	CHECK_DATA(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
	unmap(p, MANY);
	CHECK_GIVEN_BACK(before);
}

/* The first access is a write of data, or of a tag */
static void write_reserves(void)
{
	char *p = map_changed(32, 1), *other = map_changed(32, 2);
	struct counters faults = count_faults();

	write_data(p, 32, 3);
	write_tags(other, 32, 4);
	CHECK_FAULTS(faults, 64);
	CHECK_DATA(p, 32, 3);
	CHECK_NO_TAGS(p, 32);
	CHECK_DATA(other, 32, 2);
	CHECK_TAGS(other, 32, 4);
}

static void zero_page_then_mprotect(void)
{
	char *p = map(32, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < 32; i++)
		touch(p + i * PAGE);
	protect(p, 32, RW_TAGGED);
	CHECK_NO_TAGS(p, 32);
	write_both(p, 32, 1);
	CHECK_BOTH(p, 32, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, 32);
}

static void mprotect_twice(void)
{
	long before = reserved();
	char *p = map_changed(64, 1);
	struct counters faults = count_faults();

	protect(p, 64, RW_TAGGED);
	protect(p, 64, PROT_READ | PROT_MTE);
	protect(p, 64, RW_TAGGED);
	CHECK_GIVEN_BACK(before);
	CHECK_FAULTS(faults, 0);
	CHECK_DATA(p, 64, 1);
	CHECK_FAULTS(faults, 64);
	write_both(p, 64, 2);
	protect(p, 64, PROT_READ | PROT_MTE);
	protect(p, 64, RW_TAGGED);
	CHECK_BOTH(p, 64, 2);
	CHECK_FAULTS(faults, 64);
	CHECK_RESERVED(before, p, 64);
}

static void read_only_then_writable(void)
{
	char *p = map(64, RW);
	struct counters faults;

	write_data(p, 64, 1);
	protect(p, 64, PROT_READ | PROT_MTE);
	faults = count_faults();
	CHECK(signal_of_access(p + 40 * PAGE, true) == SIGSEGV, "a read-only page could be written to");
	CHECK(signal_of_access(p, false) == 0, "a read-only page cannot be read");
	CHECK(signal_of_access(p, true) == SIGSEGV, "a read-only page that was read could be written to");
	CHECK_DATA(p, 32, 1);
	protect(p, 64, RW_TAGGED);
	CHECK_NO_TAGS(p, 64);
	CHECK_FAULTS(faults, 64);
	CHECK_DATA(p, 64, 1);
	write_both(p, 64, 2);
	CHECK_BOTH(p, 64, 2);
}

static void none_and_back(void)
{
	long before = reserved();
	char *p = map_changed(64, 1);

	write_tags(p, 32, 2);
	protect(p, 64, PROT_NONE | PROT_MTE);
	CHECK(signal_of_access(p, false) == SIGSEGV, "a tagged page could be read that nobody may read");
	CHECK(signal_of_access(p + 63 * PAGE, false) == SIGSEGV, "a page could be read that nobody may read");
	CHECK_RESERVED(before, p, 32);
	protect(p, 64, RW_TAGGED);
	CHECK_TAGS(p, 32, 2);
	CHECK_NO_TAGS(p + 32 * PAGE, 32);
	CHECK_DATA(p, 64, 1);
}

static void none_first(void)
{
	long before = reserved();
	char *p = map(64, RW);
	struct counters faults;

	write_data(p, 64, 1);
	protect(p, 64, PROT_NONE);
	protect(p, 64, PROT_NONE | PROT_MTE);
	CHECK(signal_of_access(p, true) == SIGSEGV, "a page could be written to that nobody may write to");
	CHECK_GIVEN_BACK(before);
	protect(p, 64, RW_TAGGED);
	CHECK_GIVEN_BACK(before);
	faults = count_faults();
	CHECK_DATA(p, 64, 1);
	CHECK_NO_TAGS(p, 64);
	CHECK_FAULTS(faults, 64);
	write_tags(p, 64, 2);
	CHECK_TAGS(p, 64, 2);
}

static void execute(void)
{
	static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };	/* mov w0, #42; ret */
	char *p = map(4, RW);
	struct counters faults;

	for (size_t i = 0; i < 4; i++) {
		memcpy(p + i * PAGE, code, sizeof(code));
		__builtin___clear_cache(p + i * PAGE, p + i * PAGE + sizeof(code));
	}
	protect(p, 4, PROT_READ | PROT_EXEC | PROT_MTE);
	faults = count_faults();
	for (size_t i = 0; i < 4; i++)
		CHECK(((int (*)(void))(p + i * PAGE))() == 42, "the code in page %zu has changed", i);
	CHECK_FAULTS(faults, 4);
	CHECK(get_tag(p) == 0, "code has tags");
}

/* fork */

static void fork_and_write(void)
{
	struct turn child_wrote = make_turn(), parent_wrote = make_turn();
	long before = reserved();
	char *p = map(64, RW_TAGGED), *second = p + 32 * PAGE;
	pid_t pid;

	write_both(p, 32, 1);
	write_both(second, 32, 2);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, 32, 1);
		CHECK_BOTH(second, 32, 2);
		write_both(p, 32, 3);
		give(child_wrote);
		await(&parent_wrote);
		CHECK_BOTH(p, 32, 3);
		CHECK_BOTH(second, 32, 2);
		end();
	}
	await(&child_wrote);
	CHECK_BOTH(p, 32, 1);
	CHECK_BOTH(second, 32, 2);
	write_both(second, 32, 4);
	give(parent_wrote);
	CHECK_CHILD(pid);
	CHECK_BOTH(p, 32, 1);
	CHECK_BOTH(second, 32, 4);
	drain();
	CHECK_RESERVED(before, p, 64);
	unmap(p, 64);
	CHECK_GIVEN_BACK(before);
}

/* Only data is written, so the tags are those that the copy got */
static void fork_copies_tags(void)
{
	char *p = map(64, RW_TAGGED);
	pid_t pid;

	write_both(p, 64, 1);
	pid = start();
	if (!pid) {
		write_data(p, 64, 2);
		CHECK_TAGS(p, 64, 1);
		CHECK_DATA(p, 64, 2);
		CHECK_NONE_IN_TAG_STORAGE(p, 64);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, 64, 1);
}

static void fork_parent_frees_first(void)
{
	struct turn freed = make_turn();
	long before = reserved();
	char *p = map(64, RW_TAGGED);
	pid_t pid;

	write_both(p, 64, 1);
	pid = start();
	if (!pid) {
		await(&freed);
		CHECK_RESERVED(before, p, 64);
		CHECK_BOTH(p, 64, 1);
		end();
	}
	unmap(p, 64);
	give(freed);
	CHECK_CHILD(pid);
	drain();
	CHECK_GIVEN_BACK(before);
}

/* The entries that fault are what fork copies */
static void fork_before_touch(void)
{
	char *p = map_changed(64, 1);
	pid_t pid = start();

	if (!pid) {
		CHECK_NO_TAGS(p, 32);
		CHECK_DATA(p, 64, 1);
		write_both(p, 64, 2);
		CHECK_BOTH(p, 64, 2);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_DATA(p, 64, 1);
	CHECK_NO_TAGS(p, 64);
	write_tags(p, 64, 3);
	CHECK_TAGS(p, 64, 3);
	CHECK_DATA(p, 64, 1);
}

/* Swap */

/* How many of these pages, which all have been in use, are not in memory; pagemap does not say it of shared memory */
static size_t swapped(char *p, size_t pages)
{
	unsigned char *resident = zalloc(pages, 1);
	size_t count = 0;

	NEED(!mincore(p, pages * PAGE, resident), "mincore: %s", strerror(errno));
	for (size_t i = 0; i < pages; i++)
		count += !(resident[i] & 1);
	free(resident);
	return count;
}

/* Pages that somebody else has in his hands at the moment stay; but never many, and not for long */
static void page_out(char *p, size_t pages)
{
	int tries = 5;

	do {
		drain();
		NEED(advise(p, pages, MADV_PAGEOUT), "MADV_PAGEOUT: %s", strerror(errno));
	} while (--tries && swapped(p, pages) < pages);
	NEED(swapped(p, pages) > pages / 4 * 3, "only %zu of %zu pages went to swap", swapped(p, pages), pages);
}

static void swap_out_and_in(void)
{
	long before = reserved();
	char *p = map(MANY, RW_TAGGED);

	for (uint64_t key = 1; key <= 3; key++) {
		write_both(p, MANY, key);
		page_out(p, MANY);
		CHECK(reserved() - before <= (long)(MANY - swapped(p, MANY)), "pages in swap keep their storage");
		CHECK_BOTH(p, MANY, key);
		CHECK_RESERVED(before, p, MANY);
		CHECK_NONE_IN_TAG_STORAGE(p, MANY);
	}
	unmap(p, MANY);
	CHECK_GIVEN_BACK(before);
}

/* Out, in, and out again, with nobody looking */
static void swap_again_untouched(void)
{
	char *p = map(MANY, RW_TAGGED);

	write_both(p, MANY, 1);
	page_out(p, MANY);
	for (int i = 0; i < 3; i++) {
		NEED(advise(p, MANY, MADV_WILLNEED), "MADV_WILLNEED: %s", strerror(errno));
		NEED(advise(p, MANY, MADV_POPULATE_READ), "MADV_POPULATE_READ: %s", strerror(errno));
		page_out(p, MANY);
	}
	CHECK_BOTH(p, MANY, 1);
}

static void swap_free_in_swap(void)
{
	long before = reserved();
	char *p = map(MANY, RW_TAGGED);

	write_both(p, MANY, 1);
	page_out(p, MANY);
	NEED(advise(p, MANY, MADV_DONTNEED), "MADV_DONTNEED: %s", strerror(errno));
	CHECK_NO_TAGS(p, MANY);
	write_both(p, MANY, 2);
	page_out(p, MANY);
	NEED(advise(p, MANY, MADV_WILLNEED), "MADV_WILLNEED: %s", strerror(errno));
	unmap(p, MANY);
	drain();
	CHECK_GIVEN_BACK(before);
}

static void swap_device_off_and_on(void)
{
	char *p = map(MANY, RW_TAGGED);

	write_both(p, MANY, 1);
	page_out(p, MANY);
	NEED(!swapoff(SWAP_DEVICE), "swapoff: %s", strerror(errno));
	CHECK(!swapped(p, MANY), "%zu pages are still in swap", swapped(p, MANY));
	NEED(!swapon(SWAP_DEVICE, 0), "swapon: %s", strerror(errno));
	page_out(p, MANY / 2);
	CHECK_BOTH(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
}

static void swap_then_mprotect(void)
{
	char *p = map(MANY, RW);

	write_data(p, MANY, 1);
	page_out(p, MANY);
	protect(p, MANY, RW_TAGGED);
	CHECK_DATA(p, MANY, 1);
	CHECK_NO_TAGS(p, MANY);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
	write_tags(p, MANY, 2);
	CHECK_TAGS(p, MANY, 2);
}

/* Of pages that have tags, in a mapping of one's own that does not show them until it is asked to */
static char *map_untagged_copy(size_t pages)
{
	int fd = make_memfd(pages);
	char *shared = map_file(fd, pages, RW_TAGGED, MAP_SHARED), *own = map_file(fd, pages, RW, MAP_PRIVATE);

	write_both(shared, pages, 1);
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(own + i * PAGE) = *(volatile char *)(shared + i * PAGE);
	unmap(shared, pages);
	close(fd);
	return own;
}

static void copy_while_untagged(void)
{
	char *p = map_untagged_copy(MANY);

	protect(p, MANY, RW_TAGGED);
	CHECK_BOTH(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
}

/* It comes back without anybody asking for memory with tags, so perhaps to where there cannot be any */
static void swap_while_untagged(void)
{
	char *p = map_untagged_copy(MANY);

	page_out(p, MANY);
	CHECK_DATA(p, MANY, 1);
	protect(p, MANY, RW_TAGGED);
	CHECK_BOTH(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
}

static void mprotect_then_swap(void)
{
	char *p = map_changed(MANY, 1);

	page_out(p, MANY);
	CHECK_NO_TAGS(p, MANY);
	CHECK_DATA(p, MANY, 1);
	write_tags(p, MANY, 2);
	page_out(p, MANY);
	CHECK_TAGS(p, MANY, 2);
	CHECK_DATA(p, MANY, 1);
}

static void swap_shared_by_fork(void)
{
	char *p = map(MANY, RW_TAGGED);
	pid_t pid;

	write_both(p, MANY, 1);
	page_out(p, MANY);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, MANY, 1);
		write_tags(p, MANY / 2, 2);
		CHECK_TAGS(p, MANY / 2, 2);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, MANY, 1);
}

/* Shared memory */

static void write_file(int fd, size_t pages, uint64_t key)
{
	char *data = malloc(pages * PAGE);

	NEED(data, "no memory");
	write_data(data, pages, key);
	NEED(pwrite(fd, data, pages * PAGE, 0) == (ssize_t)(pages * PAGE), "pwrite: %s", strerror(errno));
	free(data);
}

static void check_file(int line, int fd, size_t pages, uint64_t key)
{
	char *data = malloc(pages * PAGE);

	NEED(data, "no memory");
	NEED(pread(fd, data, pages * PAGE, 0) == (ssize_t)(pages * PAGE), "pread: %s", strerror(errno));
	check_data(line, data, pages, key);
	free(data);
}

static void shared_written_before(void)
{
	int fd = make_memfd(256);
	long before = reserved();
	char *tagged, *plain;

	write_file(fd, 256, 1);
	CHECK_GIVEN_BACK(before);
	plain = map_file(fd, 256, RW, MAP_SHARED);
	CHECK_DATA(plain, 256, 1);
	tagged = map_file(fd, 256, RW_TAGGED, MAP_SHARED);
	CHECK_NO_TAGS(tagged, 256);
	CHECK_DATA(tagged, 256, 1);
	CHECK_NONE_IN_TAG_STORAGE(tagged, 256);
	write_tags(tagged, 256, 2);
	write_data(plain, 256, 3);
	CHECK_DATA(tagged, 256, 3);
	CHECK_TAGS(tagged, 256, 2);
	check_file(__LINE__, fd, 256, 3);
	CHECK_RESERVED(before, tagged, 256);
	unmap(tagged, 256);
	CHECK_DATA(plain, 256, 3);
	tagged = map_file(fd, 256, RW_TAGGED, MAP_SHARED);
	CHECK_TAGS(tagged, 256, 2);
	unmap(tagged, 256);
	unmap(plain, 256);
	close(fd);
	CHECK_GIVEN_BACK(before);
}

/* Who has no tags is the first to look at what comes from swap: another mapping, or a read of the file */
static void shared_swap(void)
{
	int fd = make_memfd(MANY);
	char *tagged = map_file(fd, MANY, RW_TAGGED, MAP_SHARED), *plain;

	write_both(tagged, MANY, 1);
	page_out(tagged, MANY);
	plain = map_file(fd, MANY, RW, MAP_SHARED);
	CHECK_DATA(plain, MANY, 1);
	CHECK_BOTH(tagged, MANY, 1);
	unmap(plain, MANY);
	page_out(tagged, MANY);
	check_file(__LINE__, fd, MANY, 1);
	CHECK_BOTH(tagged, MANY, 1);
	page_out(tagged, MANY);
	write_file(fd, MANY, 2);
	CHECK_TAGS(tagged, MANY, 1);
	CHECK_DATA(tagged, MANY, 2);
}

static void shared_swap_again_untouched(void)
{
	int fd = make_memfd(MANY);
	char *tagged = map_file(fd, MANY, RW_TAGGED, MAP_SHARED), *plain;

	write_both(tagged, MANY, 1);
	page_out(tagged, MANY);
	unmap(tagged, MANY);
	for (int i = 0; i < 2; i++) {
		plain = map_file(fd, MANY, RW, MAP_SHARED);
		CHECK_DATA(plain, MANY, 1);
		page_out(plain, MANY);
		unmap(plain, MANY);
	}
	tagged = map_file(fd, MANY, RW_TAGGED, MAP_SHARED);
	CHECK_BOTH(tagged, MANY, 1);
}

static void shared_mprotect(void)
{
	int fd = make_memfd(64);
	char *p = map_file(fd, 64, RW, MAP_SHARED), *other = map_file(fd, 64, RW_TAGGED, MAP_SHARED);

	write_data(p, 64, 1);
	write_tags(other, 32, 2);
	protect(p, 64, RW_TAGGED);
	CHECK_TAGS(p, 32, 2);
	CHECK_NO_TAGS(p + 32 * PAGE, 32);
	CHECK_DATA(p, 64, 1);
	write_tags(p, 64, 3);
	CHECK_TAGS(other, 64, 3);
	CHECK_DATA(other, 64, 1);
}

/* Huge pages */

#define HUGES	2UL
#define IN_HUGES	(HUGES * HUGE_PAGES)

static long huge_kib(const char *p)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	uintptr_t from, to;
	bool here = false;
	long kib = 0;
	char line[300];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		if (here && sscanf(line, "AnonHugePages: %ld", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kib;
}

static char *map_huge(int prot)
{
	char *p = map(IN_HUGES + HUGE_PAGES, prot);

	p = (char *)(((uintptr_t)p + HUGE - 1) / HUGE * HUGE);
	NEED(advise(p, IN_HUGES, MADV_HUGEPAGE), "MADV_HUGEPAGE: %s", strerror(errno));
	for (size_t i = 0; i < HUGES; i++)
		p[i * HUGE] = 1;
	NEED(huge_kib(p) == (long)(HUGES * HUGE / 1024), "%ld kB are in huge pages", huge_kib(p));
	return p;
}

static char *map_huge_changed(uint64_t key)
{
	char *p = map_huge(RW);

	write_data(p, IN_HUGES, key);
	protect(p, IN_HUGES, RW_TAGGED);
	return p;
}

static void huge_tagged(void)
{
	long before = reserved();
	char *p = map_huge(RW_TAGGED);

	CHECK_RESERVED(before, p, IN_HUGES);
	write_both(p, IN_HUGES, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, IN_HUGES);
	CHECK_BOTH(p, IN_HUGES, 1);
	unmap(p, IN_HUGES);
	CHECK_GIVEN_BACK(before);
}

static void huge_split(void)
{
	long before = reserved();
	char *p = map_huge(RW_TAGGED), *second = p + HUGE;

	write_both(p, HUGE_PAGES, 1);
	write_both(second, HUGE_PAGES, 2);
	unmap(p + 16 * PAGE, HUGE_PAGES - 16);
	protect(second + 5 * PAGE, 1, PROT_READ | PROT_MTE);
	CHECK_BOTH(p, 16, 1);
	CHECK_BOTH(second, HUGE_PAGES, 2);
	page_out(second, HUGE_PAGES);
	CHECK_BOTH(second, HUGE_PAGES, 2);
	unmap(p, 16);
	unmap(second, HUGE_PAGES);
	CHECK_GIVEN_BACK(before);
}

static void huge_fork(void)
{
	char *p = map_huge(RW_TAGGED);
	pid_t pid;

	write_both(p, IN_HUGES, 1);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, IN_HUGES, 1);
		write_data(p, IN_HUGES, 2);
		CHECK_TAGS(p, IN_HUGES, 1);
		write_tags(p, IN_HUGES, 2);
		CHECK_BOTH(p, IN_HUGES, 2);
		CHECK_NONE_IN_TAG_STORAGE(p, IN_HUGES);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, IN_HUGES, 1);
}

static void huge_mprotect(void)
{
	long before = reserved();
	char *p = map_huge_changed(1);
	struct counters faults = count_faults();

	CHECK_GIVEN_BACK(before);
	touch(p + 7 * PAGE);
	CHECK(count_faults().faults > faults.faults, "no fault on access");
	CHECK_NO_TAGS(p, IN_HUGES);
	CHECK_DATA(p, IN_HUGES, 1);
	CHECK(count_faults().faults - faults.faults <= (long)IN_HUGES + count_faults().retry - faults.retry,
	      "more faults on access than pages");
	CHECK_RESERVED(before, p, IN_HUGES);
	write_tags(p, IN_HUGES, 2);
	CHECK_TAGS(p, IN_HUGES, 2);
	CHECK_DATA(p, IN_HUGES, 1);
	unmap(p, IN_HUGES);
	CHECK_GIVEN_BACK(before);
}

/* What faults is split before it is touched: by mprotect, by munmap, by one of two processes */
static void huge_mprotect_then_split(void)
{
	long before = reserved();
	char *p = map_huge_changed(1), *second = p + HUGE;

	protect(p + 5 * PAGE, 1, PROT_READ | PROT_MTE);
	unmap(second + 16 * PAGE, HUGE_PAGES - 16);
	CHECK_GIVEN_BACK(before);
	CHECK_NO_TAGS(p, HUGE_PAGES);
	CHECK_NO_TAGS(second, 16);
	CHECK_DATA(p, HUGE_PAGES + 16, 1);
	protect(p + 5 * PAGE, 1, RW_TAGGED);
	write_tags(p, HUGE_PAGES + 16, 2);
	CHECK_TAGS(p, HUGE_PAGES + 16, 2);
	unmap(p, HUGE_PAGES + 16);
	CHECK_GIVEN_BACK(before);
}

static void huge_mprotect_then_fork(void)
{
	char *p = map_huge_changed(1);
	pid_t pid = start();

	if (!pid) {
		CHECK_DATA(p, IN_HUGES, 1);
		CHECK_NO_TAGS(p, IN_HUGES);
		write_both(p, IN_HUGES, 2);
		CHECK_BOTH(p, IN_HUGES, 2);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_NO_TAGS(p, IN_HUGES);
	CHECK_DATA(p, IN_HUGES, 1);
}

static void huge_collapse(void)
{
	char *p = map_huge(RW_TAGGED);

	NEED(advise(p, IN_HUGES, MADV_NOHUGEPAGE) && advise(p, IN_HUGES, MADV_DONTNEED), "madvise: %s",
	     strerror(errno));
	write_both(p, IN_HUGES, 1);
	advise(p, IN_HUGES, MADV_HUGEPAGE);
	advise(p, IN_HUGES, MADV_COLLAPSE);	/* it may refuse, but not lose anything */
	printf("# %ld of %lu kB collapsed\n", huge_kib(p), HUGES * HUGE / 1024);
	CHECK_BOTH(p, IN_HUGES, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, IN_HUGES);
}

/* Data in tag storage */

/* Pages that are in such a place of the machine as was wanted, and the mapping that has no others */
struct catch {
	char *p;
	size_t pages, count;
	char **page;
	int fd;
};

static int last_node(void)
{
	int node = 0;

	for (char path[64]; ; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node + 1);
		if (access(path, F_OK))
			return node;
	}
}

/* Of one node, or with -1 of all, which it also is where there are no nodes */
static long free_kib(int node)
{
	char path[64], name[64];
	long kib;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	snprintf(name, sizeof(name), "Node %d MemFree:", node);
	kib = node < 0 ? -1 : number_in(path, name);
	return kib < 0 ? number_in("/proc/meminfo", "MemFree:") : kib;
}

static const uint64_t *wanted_blocks;
static size_t wanted_block_count;

static bool has_wanted_block(uint64_t pfn)
{
	return is_in(tag_block_for(pfn), wanted_blocks, wanted_block_count);
}

/* Takes page @i of the next ones if it is wanted */
static void look_at(struct catch *c, size_t first, size_t count, bool (*wanted)(uint64_t pfn), size_t most)
{
	uint64_t entries[256];

	if (pread(pagemap, entries, count * 8, ((uintptr_t)c->p / PAGE + first) * 8) != (ssize_t)(count * 8))
		return;
	for (size_t i = 0; i < count && c->count < most; i++)
		if (pfn_in(entries[i]) && wanted(pfn_in(entries[i])))
			c->page[c->count++] = c->p + (first + i) * PAGE;
}

static void give_back(struct catch *c, size_t used)
{
	size_t next = 0;

	for (size_t i = 0; i < used; i++) {
		char *p = c->p + i * PAGE;

		if (next < c->count && c->page[next] == p)
			next++;
		else
			advise(p, 1, c->fd < 0 ? MADV_DONTNEED : MADV_REMOVE);
	}
}

/*
 * Fills memory until @most pages are where they are wanted, or until @spare_mib are free; gives back the others, and
 * writes data to each, with its number as the key. The node can be -1, for any.
 */
static struct catch hunt(bool (*wanted)(uint64_t pfn), size_t most, int node, long spare_mib, bool shared)
{
	size_t pages = free_kib(node) / 4, used = 0;
	unsigned long nodes = 1UL << (node < 0 ? 0 : node);
	struct catch c = { .pages = pages, .fd = shared ? make_memfd(pages) : -1 };

	c.page = zalloc(most, sizeof(*c.page));
	c.p = map_file(c.fd, pages, RW, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE);
	if (node >= 0)
		syscall(SYS_mbind, c.p, pages * PAGE, 2 /* MPOL_BIND */, &nodes, 64, 0);
	while (used + 256 <= pages && c.count < most && free_kib(node) > spare_mib * 1024) {
		for (size_t i = 0; i < 256; i++)
			c.p[(used + i) * PAGE] = 1;
		look_at(&c, used, 256, wanted, most);
		used += 256;
	}
	give_back(&c, used);
	for (size_t i = 0; i < c.count; i++)
		write_data(c.page[i], 1, 1000 + i);
	return c;
}

static void check_catch(int line, const struct catch *c)
{
	for (size_t i = 0; i < c->count; i++)
		check_data(line, c->page[i], 1, 1000 + i);
}

static size_t still_in_tag_storage(const struct catch *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += in_tag_storage(pfn_of(c->page[i]));
	return count;
}

/* Data where tags could be: the feature is there so that this can be */
static struct catch occupy(size_t most, bool shared)
{
	struct catch c = hunt(in_tag_storage, most, last_node(), 8, shared);

	printf("# %zu pages of data in tag storage\n", c.count);
	NEED(c.count >= most / 4 && c.count >= 64, "tag storage is not used for data");
	return c;
}

/* The blocks that data is in, in order; the caller frees the list */
static uint64_t *blocks_under(const struct catch *c, size_t *count)
{
	uint64_t *list = zalloc(c->count, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++) {
		uint64_t block = tag_block_at(pfn_of(c->page[i]));

		if (block)
			list[n++] = block;
	}
	*count = sort_unique(list, n);
	return list;
}

static size_t common(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
	size_t count = 0;

	for (size_t i = 0; i < a_count; i++)
		count += is_in(a[i], b, b_count);
	return count;
}

static void data_makes_room(void)
{
	const size_t pages = 24 * MIB / PAGE;
	long before = reserved();
	struct catch c = occupy(tag_storage_pages(), false);
	uint64_t *data_before, *data_after, *tags;
	size_t data_before_count, data_after_count, tags_count;
	char *p = map(pages, RW_TAGGED);

	data_before = blocks_under(&c, &data_before_count);
	write_both(p, pages, 1);
	tags = blocks_for(p, pages, 1, &tags_count);
	NEED(common(tags, tags_count, data_before, data_before_count), "no block was needed that had data");
	check_catch(__LINE__, &c);
	CHECK_BOTH(p, pages, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, pages);
	CHECK_RESERVED(before, p, pages);
	data_after = blocks_under(&c, &data_after_count);
	CHECK(!common(tags, tags_count, data_after, data_after_count), "data and tags in the same block");
	for (size_t i = 0; i < c.count; i++)
		write_data(c.page[i], 1, 1000 + i);
	CHECK_BOTH(p, pages, 1);
	free(data_before);
	free(data_after);
	free(tags);
	unmap(p, pages);
	drain();
	CHECK_GIVEN_BACK(before);
	check_catch(__LINE__, &c);
}

static void tag_data_in_tag_storage(bool shared)
{
	struct catch c = occupy(1024, shared);
	struct counters faults;
	size_t there;

	protect(c.p, c.pages, RW_TAGGED);
	there = still_in_tag_storage(&c);
	NEED(there > c.count / 2, "only %zu of %zu pages stayed in tag storage", there, c.count);
	faults = count_faults();
	for (size_t i = 0; i < c.count; i++)
		CHECK_NO_TAGS(c.page[i], 1);
	CHECK(!still_in_tag_storage(&c), "%zu tagged pages are in tag storage", still_in_tag_storage(&c));
	CHECK(count_faults().migrate > faults.migrate, "no page was migrated");
	CHECK(count_faults().fail == faults.fail, "faults on access have failed");
	for (size_t i = 0; i < c.count; i++)
		write_tags(c.page[i], 1, 1000 + i);
	check_catch(__LINE__, &c);
	for (size_t i = 0; i < c.count; i++)
		CHECK_TAGS(c.page[i], 1, 1000 + i);
}

static void tagged_data_leaves(void)
{
	tag_data_in_tag_storage(false);
}

static void tagged_shared_data_leaves(void)
{
	tag_data_in_tag_storage(true);
}

/* The file's pages are in tag storage when a tagged mapping of them comes */
static void mapped_shared_data_leaves(void)
{
	struct catch c = occupy(512, true);
	char *tagged = map_file(c.fd, c.pages, RW_TAGGED, MAP_SHARED);

	for (size_t i = 0; i < c.count; i++)
		write_tags(tagged + (c.page[i] - c.p), 1, 1000 + i);
	CHECK(!still_in_tag_storage(&c), "%zu tagged pages are in tag storage", still_in_tag_storage(&c));
	check_catch(__LINE__, &c);
	for (size_t i = 0; i < c.count; i++)
		CHECK_TAGS(tagged + (c.page[i] - c.p), 1, 1000 + i);
}

/* Memory runs out, and there is no swap */

#define LEFT_MIB	72

/* The one to be killed: has all memory but some, tag storage included, until it is */
static __attribute__((noreturn)) void have_all_memory(struct turn full)
{
	size_t pages = free_kib(-1) / 4;
	char *p = map(pages, RW);

	put("/proc/self/oom_score_adj", "1000");
	for (size_t i = 0; i < pages && (i % 256 || free_kib(-1) > LEFT_MIB * 1024); i++)
		p[i * PAGE] = 1;
	give(full);
	for (;;)
		pause();
}

/* Both what is populated and what is not finds storage, and memory, at the cost of somebody else */
static void memory_runs_out(void)
{
	const size_t pages = 2 * LEFT_MIB << 8;
	struct turn full = make_turn();
	char *p = map_changed(MANY, 1), *fresh = map(pages, RW_TAGGED);
	int status;
	pid_t pid;

	NEED(!swapoff(SWAP_DEVICE), "swapoff: %s", strerror(errno));
	put("/dev/kmsg", "oom expected");
	put("/proc/self/oom_score_adj", "-1000");
	pid = start();
	if (!pid)
		have_all_memory(full);
	await(&full);
	protect(p, MANY, RW_TAGGED);
	write_both(p, MANY, 2);
	write_both(fresh, pages, 3);
	CHECK_BOTH(p, MANY, 2);
	CHECK_BOTH(fresh, pages, 3);
	kill(pid, SIGUSR1);
	status = status_of(pid);
	put("/dev/kmsg", "oom over");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "nobody was killed for memory");
	NEED(!swapon(SWAP_DEVICE, 0), "swapon: %s", strerror(errno));
}

/* Pins, as a pipe holds pages: nobody can tell for how long */

/* Enough that memory which has its tags there is not all in use by others */
#define PINNED	512
#define IN_NEED	64

static int pin(const struct catch *c)
{
	int fds[2];

	NEED(!pipe2(fds, O_CLOEXEC | O_NONBLOCK) && fcntl(fds[1], F_SETPIPE_SZ, PINNED * PAGE) >= (int)(PINNED * PAGE),
	     "pipe: %s", strerror(errno));
	for (size_t i = 0; i < c->count; i++) {
		struct iovec vec = { c->page[i], PAGE };

		NEED(vmsplice(fds[1], &vec, 1, 0) == (ssize_t)PAGE, "vmsplice: %s", strerror(errno));
	}
	return fds[0];
}

static void check_pipe(int line, int fd, size_t count)
{
	uint64_t data[PAGE_WORDS];

	for (size_t i = 0; i < count; i++) {
		NEED(read(fd, data, PAGE) == (ssize_t)PAGE, "read from the pipe: %s", strerror(errno));
		check_data(line, (char *)data, 1, 1000 + i);
	}
}

/* Pages whose tags have no place but where the pinned data is */
static struct catch in_need_of(const struct catch *pinned)
{
	struct catch c;

	wanted_blocks = blocks_under(pinned, &wanted_block_count);
	NEED(wanted_block_count, "nothing pinned is in tag storage");
	c = hunt(has_wanted_block, IN_NEED, -1, 24, false);
	NEED(c.count, "found no page that needs a pinned block");
	printf("# %zu pages need one of %zu pinned blocks\n", c.count, wanted_block_count);
	return c;
}

static void needs_pinned_storage(const struct catch *pinned)
{
	struct catch c = in_need_of(pinned);
	struct counters before = count_faults();

	protect(c.p, c.pages, RW_TAGGED);
	for (size_t i = 0; i < c.count; i++) {
		CHECK_DATA(c.page[i], 1, 1000 + i);
		CHECK_NO_TAGS(c.page[i], 1);
		write_tags(c.page[i], 1, 1000 + i);
	}
	CHECK(count_faults().migrate > before.migrate, "no page was migrated");
	for (size_t i = 0; i < c.count; i++) {
		CHECK(!has_wanted_block(pfn_of(c.page[i])), "a page has its tags where pinned data is");
		CHECK_DATA(c.page[i], 1, 1000 + i);
		CHECK_TAGS(c.page[i], 1, 1000 + i);
	}
	check_catch(__LINE__, pinned);
	end();
}

static void pinned_storage(void)
{
	struct catch c = occupy(PINNED, false);
	int fd = pin(&c);
	pid_t pid = start();

	if (!pid)
		needs_pinned_storage(&c);
	CHECK_CHILD(pid);
	check_catch(__LINE__, &c);
	check_pipe(__LINE__, fd, c.count);
}

/* Neither the data nor what lies in its storage can move: the access fails, and does so every time, until one can */
static void needs_pinned_storage_when_pinned(const struct catch *pinned, int pipe)
{
	struct catch c = in_need_of(pinned);
	struct counters before = count_faults();
	int fd = pin(&c);

	protect(c.p, c.pages, RW_TAGGED);
	CHECK(signal_of_access(c.page[0], false) == SIGBUS, "what cannot be had did not raise SIGBUS");
	CHECK(signal_of_access(c.page[0], true) == SIGBUS, "what cannot be had did not raise SIGBUS");
	CHECK(count_faults().fail > before.fail, "failures are not counted");
	check_pipe(__LINE__, pipe, pinned->count);
	check_pipe(__LINE__, fd, c.count);
	for (size_t i = 0; i < c.count; i++)
		CHECK_NO_TAGS(c.page[i], 1);
	check_catch(__LINE__, &c);
	end();
}

static void pinned_storage_and_data(void)
{
	struct catch c = occupy(PINNED, false);
	int fd = pin(&c);
	pid_t pid = start();

	if (!pid)
		needs_pinned_storage_when_pinned(&c, fd);
	CHECK_CHILD(pid);
	check_catch(__LINE__, &c);
}

/* Access by the kernel */

#define FEW	32UL

/* Each moves FEW pages between memory that faults and a buffer */
static ssize_t by_readv(char *p, char *buffer)
{
	struct iovec local = { buffer, FEW * PAGE }, remote = { p, FEW * PAGE };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t by_writev(char *p, char *buffer)
{
	struct iovec local = { buffer, FEW * PAGE }, remote = { p, FEW * PAGE };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t by_mem(char *p, char *buffer, bool writing)
{
	int fd = open("/proc/self/mem", O_RDWR);
	ssize_t n;

	if (writing)
		n = pwrite(fd, buffer, FEW * PAGE, (uintptr_t)p);
	else
		n = pread(fd, buffer, FEW * PAGE, (uintptr_t)p);
	close(fd);
	return n;
}

static ssize_t by_mem_read(char *p, char *buffer)
{
	return by_mem(p, buffer, false);
}

static ssize_t by_mem_write(char *p, char *buffer)
{
	return by_mem(p, buffer, true);
}

/* Files: the kernel copies with faults disabled, and with them enabled */
static ssize_t through_file(char *from, char *to)
{
	int fd = make_memfd(FEW);
	ssize_t n = pwrite(fd, from, FEW * PAGE, 0);

	if (n == (ssize_t)(FEW * PAGE))
		n = pread(fd, to, FEW * PAGE, 0);
	close(fd);
	return n;
}

static ssize_t by_write(char *p, char *buffer)
{
	return through_file(p, buffer);
}

static ssize_t by_read(char *p, char *buffer)
{
	return through_file(buffer, p);
}

static ssize_t through_pipe(char *from, char *to)
{
	ssize_t sum = 0;
	int fds[2];

	NEED(!pipe2(fds, O_CLOEXEC), "pipe: %s", strerror(errno));
	for (size_t i = 0; i < FEW; i++)
		if (write(fds[1], from + i * PAGE, PAGE) == (ssize_t)PAGE)
			sum += read(fds[0], to + i * PAGE, PAGE);
	close(fds[0]);
	close(fds[1]);
	return sum;
}

static ssize_t by_pipe_write(char *p, char *buffer)
{
	return through_pipe(p, buffer);
}

static ssize_t by_pipe_read(char *p, char *buffer)
{
	return through_pipe(buffer, p);
}

static void check_move(const char *name, ssize_t (*move)(char *p, char *buffer), bool into)
{
	struct counters faults = count_faults();
	char *buffer = map(FEW, RW), *p = map_changed(FEW, 1);
	ssize_t n;

	write_data(buffer, FEW, 2);
	n = move(p, buffer);
	CHECK(n == (ssize_t)(FEW * PAGE), "%s moves %zd bytes: %s", name, n, strerror(errno));
	CHECK(count_faults().fail == faults.fail, "%s: faults on access have failed", name);
	CHECK_DATA(buffer, FEW, into ? 2 : 1);
	CHECK_DATA(p, FEW, into ? 2 : 1);
	CHECK_NO_TAGS(p, FEW);
	write_tags(p, FEW, 3);
	CHECK_TAGS(p, FEW, 3);
	CHECK_NONE_IN_TAG_STORAGE(p, FEW);
	unmap(p, FEW);
	unmap(buffer, FEW);
}

static void access_from_outside(void)
{
	check_move("process_vm_readv", by_readv, false);
	check_move("process_vm_writev", by_writev, true);
	check_move("reading /proc/self/mem", by_mem_read, false);
	check_move("writing /proc/self/mem", by_mem_write, true);
}

static void access_by_system_calls(void)
{
	check_move("write", by_write, false);
	check_move("read", by_read, true);
	check_move("write to a pipe", by_pipe_write, false);
	check_move("read from a pipe", by_pipe_read, true);
}

static void subject(char *p)
{
	write_data(p, FEW, 1);
	protect(p, FEW, RW_TAGGED);
	NEED(!ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME: %s", strerror(errno));
	raise(SIGSTOP);
	CHECK_TAGS(p, FEW / 2, 2);
	CHECK_NO_TAGS(p + FEW / 2 * PAGE, FEW / 2);
	CHECK_DATA(p, FEW, 1);
	end();
}

static void move_tags(int request, pid_t pid, char *p, unsigned char *tags, size_t count)
{
	struct iovec vec = { tags, count };

	NEED(!ptrace(request, pid, p, &vec), "%s: %s", request == PTRACE_PEEKMTETAGS ? "PTRACE_PEEKMTETAGS" :
	     "PTRACE_POKEMTETAGS", strerror(errno));
	CHECK(vec.iov_len == count, "%zu of %zu tags were moved", vec.iov_len, count);
}

static void access_by_tracer(void)
{
	const size_t all = FEW * PAGE_GRANULES, half = all / 2;
	unsigned char *tags = zalloc(all, 1);
	char *p = map(FEW, RW);
	pid_t pid = start();
	int status = 0;

	if (!pid)
		subject(p);
	NEED(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "the child did not stop: %#x", status);
	for (size_t i = 0; i < half; i++)
		tags[i] = tag(2, i);
	move_tags(PTRACE_POKEMTETAGS, pid, p, tags, half);
	memset(tags, 0xff, all);
	move_tags(PTRACE_PEEKMTETAGS, pid, p, tags, all);
	for (size_t i = 0; i < all; i++)
		CHECK(tags[i] == (i < half ? tag(2, i) : 0), "tag %zu is %u", i, tags[i]);
	NEED(!ptrace(PTRACE_CONT, pid, NULL, NULL), "PTRACE_CONT: %s", strerror(errno));
	CHECK_CHILD(pid);
	free(tags);
}

/* Migration */

#define MOVES	20

static atomic_bool moving;
static long moved;

struct moved {
	char *p;
	size_t pages;
};

static void *move_around(void *arg)
{
	const struct moved *m = arg;
	void **pages = zalloc(m->pages, sizeof(*pages));
	int *nodes = zalloc(m->pages, sizeof(*nodes)), *status = zalloc(m->pages, sizeof(*status));

	for (int round = 0; round < MOVES; round++) {
		int node = round % 2;

		for (size_t i = 0; i < m->pages; i++) {
			pages[i] = m->p + i * PAGE;
			nodes[i] = node;
			status[i] = -1;
		}
		syscall(SYS_move_pages, 0, m->pages, pages, nodes, status, 2 /* MPOL_MF_MOVE */);
		for (size_t i = 0; i < m->pages; i++)
			moved += status[i] == node;
	}
	moving = false;
	free(pages);
	free(nodes);
	free(status);
	return NULL;
}

static void *compact(void *arg)
{
	(void)arg;
	for (int round = 0; round < MOVES / 4; round++)
		CHECK(put("/proc/sys/vm/compact_memory", "1"), "compact_memory: %s", strerror(errno));
	moving = false;
	return NULL;
}

/* Data and tags change, and some pages lose theirs and become tagged anew, until the others have done their rounds */
static void change_while(void *(*other)(void *), char *p, size_t pages)
{
	struct moved m = { p, pages };
	uint64_t *keys = zalloc(pages, sizeof(*keys));
	pthread_t thread;

	use_processors(true);
	moving = true;
	NEED(!pthread_create(&thread, NULL, other, &m), "no thread");
	for (size_t n = 0; (moving || n < 4 * pages) && !failures; n++) {
		size_t i = draw(pages);
		char *page = p + i * PAGE;

		if (keys[i])
			CHECK_BOTH(page, 1, keys[i]);
		if (draw(4) == 0) {
			page = mmap(page, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			write_data(page, 1, n + 1);
			protect(page, 1, RW_TAGGED);
			CHECK_NO_TAGS(page, 1);
			CHECK_DATA(page, 1, n + 1);
		}
		keys[i] = n + 1;
		write_both(page, 1, keys[i]);
	}
	pthread_join(thread, NULL);
	for (size_t i = 0; i < pages; i++)
		if (keys[i])
			CHECK_BOTH(p + i * PAGE, 1, keys[i]);
	CHECK_NONE_IN_TAG_STORAGE(p, pages);
	free(keys);
}

static void move_between_nodes(void)
{
	char *p;

	if (!last_node())
		_exit(ONE_NODE);
	p = map(256, RW_TAGGED);
	change_while(move_around, p, 256);
	printf("# %ld pages moved\n", moved);
	CHECK(moved > 0, "no page moved");
}

/* Without changes in the way everything has to move */
static void move_tagged(void)
{
	struct moved m = { map(256, RW_TAGGED), 256 };
	long before = reserved();

	if (!last_node())
		_exit(ONE_NODE);
	write_both(m.p, 256, 1);
	move_around(&m);
	printf("# %ld pages moved\n", moved);
	CHECK(moved > 128 * MOVES, "only %ld of %d pages moved", moved, 256 * MOVES);
	CHECK_BOTH(m.p, 256, 1);
	CHECK_NONE_IN_TAG_STORAGE(m.p, 256);
	drain();
	CHECK_RESERVED(before, m.p, 256);
}

static void move_before_touch(void)
{
	struct moved m = { map_changed(256, 1), 256 };

	if (!last_node())
		_exit(ONE_NODE);
	move_around(&m);
	CHECK_NO_TAGS(m.p, 256);
	CHECK_DATA(m.p, 256, 1);
	write_tags(m.p, 256, 2);
	CHECK_TAGS(m.p, 256, 2);
	CHECK_NONE_IN_TAG_STORAGE(m.p, 256);
}

/* Every other page is free, so that there is something to compact */
static void compact_memory(void)
{
	char *p = map(MANY, RW_TAGGED), *holes = map(4 * MANY, RW);

	write_data(holes, 4 * MANY, 1);
	for (size_t i = 0; i < 4 * MANY; i += 2)
		advise(holes + i * PAGE, 1, MADV_DONTNEED);
	change_while(compact, p, MANY);
}

/* Many at once */

#define THREADS		8
#define EACH		4UL

static char *common_memory;

static void free_and_take(char *p, uint64_t key)
{
	write_both(p, EACH, key);
	CHECK_BOTH(p, EACH, key);
	NEED(advise(p, EACH, MADV_DONTNEED), "MADV_DONTNEED: %s", strerror(errno));
}

static void take_by_mprotect(uint64_t key)
{
	char *p = map_changed(EACH, key);

	CHECK_NO_TAGS(p, EACH);
	write_tags(p, EACH, key);
	CHECK_BOTH(p, EACH, key);
	unmap(p, EACH);
}

static void *fault_and_free(void *arg)
{
	size_t number = (uintptr_t)arg;

	for (unsigned long i = 0; i < rounds && !failures; i++) {
		uint64_t key = i * THREADS + number + 1;

		if (i % 4 == 3)
			take_by_mprotect(key);
		else
			free_and_take(common_memory + number * EACH * PAGE, key);
	}
	return NULL;
}

static void threads_in_one_block(void)
{
	long before = reserved();
	pthread_t threads[THREADS];

	use_processors(true);
	common_memory = map(THREADS * EACH, RW_TAGGED);
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(!pthread_create(&threads[i], NULL, fault_and_free, (void *)i), "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	drain();
	CHECK_GIVEN_BACK(before);
}

/* All of them fault in the same pages, at the same time; each gives tags to granules of its own */
static pthread_barrier_t barrier;

static void set_own_granules(size_t number, uint64_t key)
{
	for (size_t i = number; i < EACH * PAGE_GRANULES; i += THREADS)
		set_tag(common_memory + i * GRANULE, tag(key, i));
}

static void *fault_together(void *arg)
{
	size_t number = (uintptr_t)arg;

	for (unsigned long i = 1; i <= rounds; i++) {
		if (!number) {
			common_memory = map_changed(EACH, i);
			if (i % 2)
				advise(common_memory, EACH, MADV_DONTNEED);
		}
		pthread_barrier_wait(&barrier);
		set_own_granules(number, i);
		pthread_barrier_wait(&barrier);
		if (number)
			continue;
		CHECK_TAGS(common_memory, EACH, i);
		if (i % 2 == 0)
			CHECK_DATA(common_memory, EACH, i);
		unmap(common_memory, EACH);
	}
	return NULL;
}

static void threads_in_same_pages(void)
{
	pthread_t threads[THREADS];

	use_processors(true);
	NEED(!pthread_barrier_init(&barrier, NULL, THREADS), "no barrier");
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(!pthread_create(&threads[i], NULL, fault_together, (void *)i), "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void victim(struct turn started)
{
	use_processors(true);
	give(started);
	for (uint64_t key = 1; ; key++) {
		char *p = map_changed(256, key);

		write_tags(p, 256, key);
		unmap(p, 256);
	}
}

static void killed_while_faulting(void)
{
	long before = reserved();

	use_processors(true);
	for (int i = 0; i < 30 && !failures; i++) {
		struct turn started = make_turn();
		pid_t pid = start();

		if (!pid)
			victim(started);
		await(&started);
		usleep(draw(20000));
		kill(pid, SIGKILL);
		CHECK(status_of(pid) == SIGKILL, "the child did not die of SIGKILL");
		drain();
		CHECK_GIVEN_BACK(before);
	}
}

/* KSM */

static void scan_for_same(char *p, size_t pages)
{
	long scans = number_in(KSM "full_scans", "");

	NEED(advise(p, pages, MADV_MERGEABLE), "MADV_MERGEABLE: %s", strerror(errno));
	put(KSM "sleep_millisecs", "1");
	put(KSM "pages_to_scan", "2000");
	NEED(put(KSM "run", "1"), KSM "run: %s", strerror(errno));
	for (int i = 0; i < 2000 && number_in(KSM "full_scans", "") < scans + 4; i++)
		usleep(10000);
	put(KSM "run", "0");
	NEED(number_in(KSM "full_scans", "") >= scans + 4, "ksmd does not scan");
}

static char *map_same_data(int prot)
{
	char *p = map(2, prot);

	write_data(p, 1, 1);
	write_data(p + PAGE, 1, 1);
	return p;
}

static void same_data_other_tags(void)
{
	char *plain = map_same_data(RW), *tagged = map_same_data(RW_TAGGED);

	write_tags(tagged, 1, 2);
	write_tags(tagged + PAGE, 1, 3);
	scan_for_same(plain, 2);
	CHECK(pfn_of(plain) == pfn_of(plain + PAGE), "pages without tags were not merged, so this shows nothing");
	scan_for_same(tagged, 2);
	CHECK(pfn_of(tagged) != pfn_of(tagged + PAGE), "pages with different tags were merged");
	CHECK_TAGS(tagged, 1, 2);
	CHECK_TAGS(tagged + PAGE, 1, 3);
	CHECK_DATA(tagged, 1, 1);
	CHECK_DATA(tagged + PAGE, 1, 1);
}

static void tags_of_merged_pages(void)
{
	char *p = map_same_data(RW);

	scan_for_same(p, 2);
	NEED(pfn_of(p) == pfn_of(p + PAGE), "pages without tags were not merged");
	protect(p, 2, RW_TAGGED);
	CHECK_NO_TAGS(p, 2);
	write_tags(p, 1, 2);
	write_tags(p + PAGE, 1, 3);
	CHECK_TAGS(p, 1, 2);
	CHECK_TAGS(p + PAGE, 1, 3);
	CHECK_DATA(p, 1, 1);
	CHECK_DATA(p + PAGE, 1, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, 2);
}

static void merged_before_touch(void)
{
	char *p = map_same_data(RW);

	protect(p, 2, RW_TAGGED);
	scan_for_same(p, 2);
	write_tags(p, 1, 2);
	CHECK_NO_TAGS(p + PAGE, 1);
	CHECK_TAGS(p, 1, 2);
	CHECK_DATA(p, 1, 1);
	CHECK_DATA(p + PAGE, 1, 1);
}

#define TEST(name)	{ #name, name }

static const struct test {
	const char *name;
	void (*run)(void);
} tests[] = {
	TEST(allocate_page),
	TEST(allocate_pages),
	TEST(allocate_often),
	TEST(mprotect_reserves_nothing),
	TEST(touch_reserves),
	TEST(write_reserves),
	TEST(zero_page_then_mprotect),
	TEST(mprotect_twice),
	TEST(read_only_then_writable),
	TEST(none_and_back),
	TEST(none_first),
	TEST(execute),
	TEST(fork_and_write),
	TEST(fork_copies_tags),
	TEST(fork_parent_frees_first),
	TEST(fork_before_touch),
	TEST(swap_out_and_in),
	TEST(swap_again_untouched),
	TEST(swap_free_in_swap),
	TEST(swap_device_off_and_on),
	TEST(swap_then_mprotect),
	TEST(swap_while_untagged),
	TEST(copy_while_untagged),
	TEST(mprotect_then_swap),
	TEST(swap_shared_by_fork),
	TEST(shared_written_before),
	TEST(shared_swap),
	TEST(shared_swap_again_untouched),
	TEST(shared_mprotect),
	TEST(huge_tagged),
	TEST(huge_split),
	TEST(huge_fork),
	TEST(huge_mprotect),
	TEST(huge_mprotect_then_split),
	TEST(huge_mprotect_then_fork),
	TEST(huge_collapse),
	TEST(data_makes_room),
	TEST(tagged_data_leaves),
	TEST(tagged_shared_data_leaves),
	TEST(mapped_shared_data_leaves),
	TEST(memory_runs_out),
	TEST(pinned_storage),
	TEST(pinned_storage_and_data),
	TEST(access_from_outside),
	TEST(access_by_system_calls),
	TEST(access_by_tracer),
	TEST(move_between_nodes),
	TEST(move_tagged),
	TEST(move_before_touch),
	TEST(compact_memory),
	TEST(threads_in_one_block),
	TEST(threads_in_same_pages),
	TEST(killed_while_faulting),
	TEST(same_data_other_tags),
	TEST(tags_of_merged_pages),
	TEST(merged_before_touch),
};

#define TESTS	(sizeof(tests) / sizeof(*tests))

/* In a process of its own, on one processor; what hangs is killed */
static int run_alone(const struct test *test)
{
	pid_t pid = start();
	int status;

	if (!pid) {
		setpgid(0, 0);
		alarm(LIMIT_SECONDS);
		use_processors(false);
		test->run();
		end();
	}
	status = status_of(pid);
	kill(-pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return status;
}

/* What a test that ended in the middle has left as it must not be */
static void tidy_up(void)
{
	if (number_in("/proc/swaps", SWAP_DEVICE) < 0)
		swapon(SWAP_DEVICE, 0);
	put(KSM "run", "2");
	put(KSM "run", "0");
}

static const char *why_failed(int status, long before, char *text, size_t size)
{
	const char *lacks = missing();
	long now = reserved();

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(text, size, "no end after %d s", LIMIT_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d", WTERMSIG(status));
	else if (status && WEXITSTATUS(status) != ONE_NODE)
		snprintf(text, size, "see above");
	else if (lacks)
		snprintf(text, size, "%s", lacks);
	else if (now != before)
		snprintf(text, size, "%ld blocks stay reserved, not %ld", now, before);
	else
		return NULL;
	return text;
}

static bool run_test(size_t number, const struct test *test)
{
	const char *why = missing();
	long before = reserved();
	int status = 0;
	char text[100];

	if (!why) {
		status = run_alone(test);
		tidy_up();
		drain();
		why = why_failed(status, before, text, sizeof(text));
	}
	if (why)
		printf("not ok %zu %s # %s\n", number, test->name, why);
	else if (WEXITSTATUS(status) == ONE_NODE)
		printf("ok %zu %s # SKIP the machine has one node\n", number, test->name);
	else
		printf("ok %zu %s\n", number, test->name);
	return !why;
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : "*";
	size_t count = 0, number = 0;
	bool good = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	seed = setting("SEED", time(NULL) ^ (unsigned long)getpid() << 32);
	rounds = setting("ROUNDS", 500);
	/* The kernel has no huge pages by itself when memory is small */
	put("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	put("/sys/kernel/mm/transparent_hugepage/defrag", "madvise");
	/* What moves pages for no reason of the test's would spoil its counts */
	put("/proc/sys/vm/compaction_proactiveness", "0");
	for (size_t i = 0; i < TESTS; i++)
		count += !fnmatch(pattern, tests[i].name, 0);
	printf("KTAP version 1\n1..%zu\n# seed %lu, rounds %lu\n", count, seed, rounds);
	for (size_t i = 0; i < TESTS; i++)
		if (!fnmatch(pattern, tests[i].name, 0))
			good &= run_test(++number, &tests[i]);
	return !good || !count;
}
#else
int main(void)
{
	printf("1..0 # SKIP no memory tags on this architecture\n");
	return 4;
}
#endif
