/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of tag storage have in common: they look at memory, its tags and its place, and each runs in a process
 * of its own, after which all that it took has to be free. Pages that were just faulted in may still be on their way to
 * the LRU of another processor, which keeps them; so these lists are drained first.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
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
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define COMPLAINTS		8
/* Exit statuses of a test that needs two nodes and finds one, and of one that needs functions that fail on demand */
#define ONE_NODE		4
#define NO_INJECTION		5
/* Of a test that hangs, not of one that is slow: an emulated machine with all checks built in takes its time */
#define LIMIT_SECONDS		1200

/* Pages whose tags do not fit into one block */
#define MANY			1024UL

#define KSM			"/sys/kernel/mm/ksm/"
#define FAIL_FUNCTION		"/sys/kernel/debug/fail_function/"
#define NUMA_BALANCING		"/proc/sys/kernel/numa_balancing"

/* Of /proc/vmstat */
struct counters {
	long faults, retry, migrate, fail;
};

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
static inline void complain(int line, const char *fmt, ...)
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

static inline __attribute__((noreturn)) void end(void)
{
	fflush(stdout);
	_exit(failures ? 1 : 0);
}

static inline struct counters count_faults(void)
{
	return (struct counters){
		.faults = number_in("/proc/vmstat", "fault_on_access"),
		.retry = number_in("/proc/vmstat", "fault_on_access_retry"),
		.migrate = number_in("/proc/vmstat", "fault_on_access_migrate"),
		.fail = number_in("/proc/vmstat", "fault_on_access_fail"),
	};
}

static inline const char *missing(void)
{
	struct counters c = count_faults();

	if (!has_tags())
		return "no memory tags here";
	if (reserved() < 0)
		return "no region in " STATE;
	if (number_in(STATE, "enabled") != 1)
		return "tag storage is not enabled";
	if (c.faults < 0 || c.retry < 0 || c.migrate < 0 || c.fail < 0)
		return "/proc/vmstat does not count fault_on_access";
	return NULL;
}

/* Where pages are */

static inline uint64_t pfn_of(const void *p)
{
	return pfn_in(entry_in(pagemap, p));
}

/* The first page of the block that has the tags of the page; 0 if no block has */
static inline uint64_t tag_block_for(uint64_t pfn)
{
	for (size_t i = 0; i < region_count; i++) {
		const struct region *r = &regions[i];

		if (pfn >= r->data && pfn <= r->data_last)
			return tag_block_at(r->tags + (pfn - r->data) / PAGES_PER_TAG_PAGE);
	}
	return 0;
}

static inline int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline size_t sort_unique(uint64_t *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || list[i] != list[kept - 1])
			list[kept++] = list[i];
	return kept;
}

static inline bool is_in(uint64_t value, const uint64_t *list, size_t count)
{
	return bsearch(&value, list, count, sizeof(*list), compare);
}

static inline void *zalloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	NEED(p, "no memory for a list");
	return p;
}

/* Of all these pages at once, as each look takes a while on a debug kernel; the caller frees them */
static inline uint64_t *entries_of(const char *p, size_t pages)
{
	const size_t size = pages * sizeof(uint64_t);
	uint64_t *entries = zalloc(pages, sizeof(*entries));

	NEED(pread(pagemap, entries, size, (uintptr_t)p / PAGE * sizeof(*entries)) == (ssize_t)size,
	     "pagemap: %s", strerror(errno));
	return entries;
}

/* The blocks that hold the tags of every @step-th page, in order; the caller frees the list */
static inline uint64_t *blocks_for(const char *p, size_t pages, size_t step, size_t *count)
{
	uint64_t *list = entries_of(p, pages);
	size_t n = 0;

	for (size_t i = 0; i < pages; i += step)
		if (pfn_in(list[i]))
			list[n++] = tag_block_for(pfn_in(list[i]));
	*count = sort_unique(list, n);
	return list;
}

/* What is taken since there were @before is what these pages need, but for what may have been taken already */
static inline void check_reserved(int line, long before, const char *p, size_t pages, size_t step)
{
	long more = reserved() - before;
	size_t need;

	free(blocks_for(p, pages, step, &need));
	if (more > (long)need || more < (long)need - before)
		complain(line, "%ld more blocks are reserved, but %zu hold the tags (%ld were reserved)", more, need,
			 before);
}

/* Each page has faulted once, and again only if the kernel says that it had it do so */
static inline void check_faults(int line, struct counters before, long pages)
{
	struct counters now = count_faults();
	long faults = now.faults - before.faults, retries = now.retry - before.retry;

	if (faults < pages || faults > pages + retries)
		complain(line, "%ld faults on access (%ld of them again) for %ld pages", faults, retries, pages);
	if (now.fail != before.fail)
		complain(line, "%ld faults on access have failed", now.fail - before.fail);
}

static inline void check_none_in_tag_storage(int line, const char *p, size_t pages)
{
	uint64_t *entries = entries_of(p, pages);
	size_t bad = 0;

	for (size_t i = 0; i < pages; i++)
		bad += in_tag_storage(pfn_in(entries[i]));
	free(entries);
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

static inline uint64_t word(uint64_t key, size_t i)
{
	return mix(seed + (key << 40) + i) | 1;
}

static inline unsigned int tag(uint64_t key, size_t i)
{
	return 1 + mix(seed + (key << 40) + ~i) % 15;
}

static inline void write_data(char *p, size_t pages, uint64_t key)
{
	volatile uint64_t *words = (volatile uint64_t *)p;

	for (size_t i = 0; i < pages * PAGE_WORDS; i++)
		words[i] = word(key, i);
}

static inline void write_tags(char *p, size_t pages, uint64_t key)
{
	for (size_t i = 0; i < pages * PAGE_GRANULES; i++)
		set_tag(p + i * GRANULE, tag(key, i));
}

static inline void write_both(char *p, size_t pages, uint64_t key)
{
	write_data(p, pages, key);
	write_tags(p, pages, key);
}

static inline void check_data(int line, const char *p, size_t pages, uint64_t key)
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
static inline void check_tags(int line, const char *p, size_t pages, uint64_t key)
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

static inline char *map_file(int fd, size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	NEED(p != MAP_FAILED, "cannot map %zu pages: %s", pages, strerror(errno));
	return p;
}

static inline char *map(size_t pages, int prot)
{
	return map_file(-1, pages, prot, MAP_PRIVATE);
}

static inline void unmap(char *p, size_t pages)
{
	NEED(!munmap(p, pages * PAGE), "munmap: %s", strerror(errno));
}

static inline void protect(char *p, size_t pages, int prot)
{
	NEED(!mprotect(p, pages * PAGE, prot), "mprotect %#x: %s", prot, strerror(errno));
}

static inline bool advise(char *p, size_t pages, int advice)
{
	return !madvise(p, pages * PAGE, advice);
}

/* At once, and one by one only if memory is short: a fault for each takes debug kernels much longer */
static inline void fill(char *p, size_t pages)
{
	advise(p, pages, MADV_POPULATE_WRITE);
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

/* Memory with data and no tags, which then is to have tags: what this is all about */
static inline char *map_changed(size_t pages, uint64_t key)
{
	char *p = map(pages, RW);

	write_data(p, pages, key);
	protect(p, pages, RW_TAGGED);
	return p;
}

static inline void touch(const char *p)
{
	(void)*(const volatile char *)p;
}

static sigjmp_buf landing;

static inline void on_fault(int sig)
{
	siglongjmp(landing, sig);
}

/* The signal that reading @p raises, or writing to it, or 0 */
static inline int signal_of_access(char *p, bool writing)
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

static inline int make_memfd(size_t pages)
{
	int fd = memfd_create("tag-storage", MFD_CLOEXEC);

	NEED(fd >= 0 && !ftruncate(fd, pages * PAGE), "memfd: %s", strerror(errno));
	return fd;
}

/* Processes and processors */

static inline void use_processors(bool all)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < (all ? CPU_SETSIZE : 1); i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static inline pid_t start(void)
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

static inline int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static inline void check_child(int line, pid_t pid)
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

static inline struct turn make_turn(void)
{
	struct turn turn;

	NEED(!pipe2(turn.fds, O_CLOEXEC), "pipe: %s", strerror(errno));
	return turn;
}

static inline void give(struct turn turn)
{
	NEED(write(turn.fds[1], "", 1) == 1, "write to a pipe: %s", strerror(errno));
}

/* Does not wait for one who cannot answer any more */
static inline void await(struct turn *turn)
{
	char c;

	close(turn->fds[1]);
	turn->fds[1] = -1;
	NEED(read(turn->fds[0], &c, 1) == 1, "the other process is gone");
	close(turn->fds[0]);
}

static inline unsigned long draw(unsigned long below)
{
	static uint64_t count;

	return mix(seed + ++count) % below;
}

static inline void bind_to_node(char *p, size_t pages, int node)
{
	unsigned long nodes = 1UL << node;

	syscall(SYS_mbind, p, pages * PAGE, 2 /* MPOL_BIND */, &nodes, 64, 0);
}

/* Data in tag storage */

enum memory { PRIVATE, SHARED, IN_HUGE };

/* Where the next huge page can begin */
static inline char *huge_aligned(char *p)
{
	return (char *)(((uintptr_t)p + HUGE - 1) / HUGE * HUGE);
}

/* Pages that are in such a place of the machine as was wanted, and the mapping that has no others */
struct catch {
	char *p;
	size_t pages, count;
	char **page;
	int fd;
};

/* Of one node, or with -1 of all, which it also is where there are no nodes */
static inline long free_kib(int node)
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

static inline bool has_wanted_block(uint64_t pfn)
{
	return is_in(tag_block_for(pfn), wanted_blocks, wanted_block_count);
}

/* Takes page @i of the next ones if it is wanted */
static inline void look_at(struct catch *c, size_t first, size_t count, bool (*wanted)(uint64_t pfn), size_t most)
{
	uint64_t entries[256];

	if (pread(pagemap, entries, count * 8, ((uintptr_t)c->p / PAGE + first) * 8) != (ssize_t)(count * 8))
		return;
	for (size_t i = 0; i < count && c->count < most; i++)
		if (pfn_in(entries[i]) && wanted(pfn_in(entries[i])))
			c->page[c->count++] = c->p + (first + i) * PAGE;
}

/* What lies between the pages that are kept, of the first @used */
static inline void give_back(struct catch *c, size_t used)
{
	size_t begin = 0;

	for (size_t i = 0; i <= c->count; i++) {
		size_t end = i < c->count ? (size_t)(c->page[i] - c->p) / PAGE : used;

		if (end > begin)
			advise(c->p + begin * PAGE, end - begin, c->fd < 0 ? MADV_DONTNEED : MADV_REMOVE);
		begin = end + 1;
	}
}

static inline void map_catch(struct catch *c, enum memory memory)
{
	c->fd = memory == SHARED ? make_memfd(c->pages) : -1;
	c->p = map_file(c->fd, c->pages + HUGE_PAGES, RW, (memory == SHARED ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE);
	if (memory != IN_HUGE)
		return;

	c->p = huge_aligned(c->p);
	NEED(advise(c->p, c->pages, MADV_HUGEPAGE), "MADV_HUGEPAGE: %s", strerror(errno));
}

/*
 * Fills memory until @most pages are where they are wanted, or until @spare_mib are free; gives back the others, and
 * writes data to each, with its number as the key. The node can be -1, for any.
 */
static inline struct catch hunt(bool (*wanted)(uint64_t pfn), size_t most, int node, long spare_mib, enum memory memory)
{
	struct catch c = { .pages = free_kib(node) / 4 / HUGE_PAGES * HUGE_PAGES };
	size_t used = 0;

	c.page = zalloc(most, sizeof(*c.page));
	map_catch(&c, memory);
	if (node >= 0)
		bind_to_node(c.p, c.pages, node);
	while (used + 256 <= c.pages && c.count < most && free_kib(node) > spare_mib * 1024) {
		fill(c.p + used * PAGE, 256);
		look_at(&c, used, 256, wanted, most);
		used += 256;
	}
	give_back(&c, used);
	for (size_t i = 0; i < c.count; i++)
		write_data(c.page[i], 1, 1000 + i);
	return c;
}

static inline void check_catch(int line, const struct catch *c)
{
	for (size_t i = 0; i < c->count; i++)
		check_data(line, c->page[i], 1, 1000 + i);
}

static inline size_t still_in_tag_storage(const struct catch *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += in_tag_storage(pfn_of(c->page[i]));
	return count;
}

/* Data where tags could be: the feature is there so that this can be */
static inline struct catch occupy(size_t most, enum memory memory)
{
	struct catch c = hunt(in_tag_storage, most, last_node(), 8, memory);

	printf("# %zu pages of data in tag storage\n", c.count);
	NEED(c.count >= most / 4 && c.count >= 64, "tag storage is not used for data");
	return c;
}

/* The blocks that data is in, in order; the caller frees the list */
static inline uint64_t *blocks_under(const struct catch *c, size_t *count)
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

static inline size_t common(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
	size_t count = 0;

	for (size_t i = 0; i < a_count; i++)
		count += is_in(a[i], b, b_count);
	return count;
}

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(name)	{ #name, name }

/* In a process of its own, on one processor; what hangs is killed */
static inline int run_alone(const struct test *test)
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
static inline void tidy_up(void)
{
	if (number_in("/proc/swaps", SWAP_DEVICE) < 0)
		swapon(SWAP_DEVICE, 0);
	put(KSM "run", "2");
	put(KSM "run", "0");
	put(FAIL_FUNCTION "inject", "\n");
	put(NUMA_BALANCING, "0");
}

static inline const char *why_failed(int status, long before, char *text, size_t size)
{
	const char *lacks = missing();
	long now = reserved();

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(text, size, "no end after %d s", LIMIT_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d", WTERMSIG(status));
	else if (status && WEXITSTATUS(status) != ONE_NODE && WEXITSTATUS(status) != NO_INJECTION)
		snprintf(text, size, "see above");
	else if (lacks)
		snprintf(text, size, "%s", lacks);
	else if (now != before)
		snprintf(text, size, "%ld blocks stay reserved, not %ld", now, before);
	else
		return NULL;
	return text;
}

static inline bool run_test(size_t number, const struct test *test)
{
	const char *why = missing();
	long before = reserved();
	int status = 0;
	char text[100];

	if (!why) {
		status = run_alone(test);
		tidy_up();
		/* What is unpinned, or ends, may do so a little later; what leaks stays */
		drain();
		for (int i = 0; i < 200 && reserved() != before; i++) {
			usleep(20000);
			drain();
		}
		why = why_failed(status, before, text, sizeof(text));
	}
	if (why)
		printf("not ok %zu %s # %s\n", number, test->name, why);
	else if (WEXITSTATUS(status) == ONE_NODE)
		printf("ok %zu %s # SKIP the machine has one node\n", number, test->name);
	else if (WEXITSTATUS(status) == NO_INJECTION)
		printf("ok %zu %s # SKIP functions cannot be made to fail\n", number, test->name);
	else
		printf("ok %zu %s\n", number, test->name);
	return !why;
}

/* Those whose names match the first argument, if there is one; returns the exit status */
static inline int run_tests(const struct test *tests, size_t all, int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : "*";
	size_t count = 0, number = 0;
	bool good = true;

	seed = start_tests();
	rounds = setting("ROUNDS", 500);
	/* What moves pages for no reason of the test's would spoil its counts */
	put("/proc/sys/vm/compaction_proactiveness", "0");
	for (size_t i = 0; i < all; i++)
		count += !fnmatch(pattern, tests[i].name, 0);
	printf("KTAP version 1\n1..%zu\n# seed %lu, rounds %lu\n", count, seed, rounds);
	for (size_t i = 0; i < all; i++)
		if (!fnmatch(pattern, tests[i].name, 0))
			good &= run_test(++number, &tests[i]);
	return !good || !count;
}

#endif
