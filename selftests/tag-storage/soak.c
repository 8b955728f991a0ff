// SPDX-License-Identifier: GPL-2.0
/*
 * A soak of tag storage that is memory while nothing needs it (arm64): several processes write data and tags, and read
 * them again, while memory is short and all that the kernel does to pages is done to these. Nothing may be lost.
 *
 *   soak
 *
 * For root, on a machine with swap whose memory tags are in its own RAM. It ends after OPERATIONS in all, 1000000 if
 * that is not set; each is one page that was written to, or that was read and found to be right. SEED is for the lots
 * that the processes draw, MIB for how much memory they use together. Without the feature all tests fail.
 *
 * Of a hundred accesses that had to wait for storage, 99 have it after trying again ROUNDS times, 4 if that is not set.
 *
 * A block of storage is taken while one page in 32 has tags, and that soon is so of every block. So tags come and go
 * like the tide: at flood most of the processes have some, at ebb they have given them all back, and data has taken
 * their place. The blocks of few pages that one process has at all times are taken and given back all the while.
 */
#define _GNU_SOURCE
#include <errno.h>
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

#ifdef __aarch64__
/* Of linux/mempolicy.h; of whoever else has the page, too */
#define PREFERRED		1
#define MOVE_ALL		4

/* A histogram of how often faults on access had to try again */
#define HISTOGRAM		"/sys/kernel/tracing/events/fault_on_access/fault_on_access/"
#define KEYS			"hist:keys=rounds"
#define MOST_ROUNDS		64

#define OPERATIONS		1000000UL
#define PROGRESS		100000
/* Where a process is busy for a while, so that a page sees one thing soon after another; or it is two huge pages */
#define WINDOW			256UL
#define HUGE_WINDOW		(2 * HUGE_PAGES)
#define WINDOW_ACTIONS		32
/* Where it is while it has a child, of either */
#define FORK_WINDOW		64UL
#define FORK_ACTIONS		16
/* Pages of one action, unless it is for a huge page */
#define MOST			32UL
/* Words of a page that have nothing in common; the others repeat them, so that swap has something to compress */
#define UNIQUE_WORDS		(PAGE_WORDS / 4)

enum action {
	READ, WRITE, WRITE_DATA, WRITE_TAGS,
	TAG, UNTAG, DISCARD, REMAP, PUNCH, PAGE_OUT, MOVE, BIND, COLLAPSE, FORK, COMPACT,
	ACTIONS		/* so many fit into four bits, none of them as 0: see the history of a page */
};

static const char *const names[ACTIONS] = {
	[READ] = "read", [WRITE] = "write", [WRITE_DATA] = "write-data", [WRITE_TAGS] = "write-tags", [TAG] = "tag",
	[UNTAG] = "untag", [DISCARD] = "discard", [REMAP] = "remap", [PUNCH] = "punch", [PAGE_OUT] = "page-out",
	[MOVE] = "move", [BIND] = "bind", [COLLAPSE] = "collapse", [FORK] = "fork", [COMPACT] = "compact",
};

/*
 * What some processes do. Each has @percent of the memory, but a window at least.
 *
 * @tidal: gives all back at ebb; @tagged: has tags everywhere at flood, others have them here and there
 * @shared: a file, which is mapped a second time without tags; @huge: huge pages
 * @weight: how often one thing is done compared to others
 */
struct kind {
	const char *name;
	unsigned int processes, percent;
	bool tidal, tagged, shared, huge;
	unsigned char weight[ACTIONS];
};

#define ALL	[READ] = 60, [WRITE] = 28, [WRITE_DATA] = 14, [WRITE_TAGS] = 14, [PAGE_OUT] = 6, [MOVE] = 3, [BIND] = 2

static const struct kind kinds[] = {
	{ .name = "data", .processes = 3, .percent = 28,
	  .weight = { ALL, [DISCARD] = 2, [REMAP] = 2, [FORK] = 1 } },
	{ .name = "tags", .processes = 1, .percent = 3, .tidal = true, .tagged = true,
	  .weight = { ALL, [DISCARD] = 4, [REMAP] = 4, [FORK] = 1 } },
	{ .name = "change", .processes = 1, .percent = 4, .tidal = true,
	  .weight = { ALL, [TAG] = 12, [UNTAG] = 8, [DISCARD] = 3, [REMAP] = 3, [FORK] = 1 } },
	{ .name = "fork", .processes = 1, .percent = 2, .tidal = true,
	  .weight = { ALL, [TAG] = 6, [UNTAG] = 4, [DISCARD] = 3, [REMAP] = 3, [FORK] = 8 } },
	{ .name = "shared", .processes = 1, .percent = 3, .tidal = true, .shared = true,
	  .weight = { ALL, [TAG] = 10, [UNTAG] = 6, [DISCARD] = 8, [REMAP] = 6, [PUNCH] = 5, [FORK] = 3 } },
	{ .name = "huge", .processes = 1, .percent = 4, .tidal = true, .huge = true,
	  .weight = { ALL, [TAG] = 8, [UNTAG] = 6, [DISCARD] = 4, [REMAP] = 6, [COLLAPSE] = 4, [FORK] = 1 } },
	{ .name = "few", .processes = 1,
	  .weight = { ALL, [TAG] = 10, [UNTAG] = 6, [DISCARD] = 16, [REMAP] = 16, [FORK] = 1, [COMPACT] = 1 } },
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

/*
 * What a page has to be: the keys of its data and of its tags, 0 if it is fresh; whether its tags are looked at, which
 * takes PROT_MTE (if not, they stay what they are); and what was done to it, the last in the lowest four bits
 */
struct page {
	uint64_t data, tags, history;
	bool tagged;
};

/* The memory of one process, and the window that it is busy in */
struct arena {
	const struct kind *kind;
	unsigned int worker;
	char *p, *plain;
	int fd;
	struct page *pages;
	size_t count, first, window;
	uint64_t next_key, forks;
	bool flood, forked, child;
};

/* What all processes see */
struct common {
	atomic_long operations, done[ACTIONS], tags_read;
	atomic_bool stop;
};

static const char *const counted[] = {
	"fault_on_access", "fault_on_access_retry", "fault_on_access_migrate", "fault_on_access_fail", "pswpin",
	"pswpout", "pgmigrate_success", "pgmigrate_fail", "thp_fault_alloc", "oom_kill",
};

#define COUNTED	(sizeof(counted) / sizeof(*counted))

static struct common *common;
static struct arena arena;
static unsigned long seed, limit, tide;
static uint64_t pattern, stream;
static int nodes;

/* There is no going on without it, for anybody */
#define NEED(good, ...) ((good) ? (void)0 : fail(__LINE__, __VA_ARGS__))

static __attribute__((noreturn)) void end(int status)
{
	if (status)
		common->stop = true;
	fflush(stdout);
	_exit(status);
}

__attribute__((format(printf, 2, 3), noreturn))
static void fail(int line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# line %d: worker %u: %s\n", line, arena.worker, text);
	end(1);
}

static const char *missing(void)
{
	if (!has_tags() || reserved() < 0 || number_in(STATE, "enabled") != 1)
		return "no tag storage";
	if (number_in("/proc/meminfo", "SwapTotal:") <= 0)
		return "no swap";
	return NULL;
}

static unsigned long draw(unsigned long below)
{
	static uint64_t count;

	return mix(stream + ++count) % below;
}

/* Patterns: of the process and @key; never what is fresh, zero, unless the key is 0 */

static void make_words(uint64_t *words, uint64_t key)
{
	for (size_t i = 0; i < UNIQUE_WORDS; i++)
		words[i] = key ? mix(pattern + (key << 9) + i) | 1 : 0;
	for (size_t i = UNIQUE_WORDS; i < PAGE_WORDS; i++)
		words[i] = words[i - UNIQUE_WORDS];
}

static void make_tags(unsigned char *tags, uint64_t key)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < PAGE_GRANULES; i++, bits >>= 4) {
		if (i % 16 == 0)
			bits = mix(~pattern + (key << 4) + i / 16);
		tags[i] = key ? (bits & 15 ? bits & 15 : 15) : 0;
	}
}

static void write_data(char *p, uint64_t key)
{
	uint64_t words[PAGE_WORDS];

	make_words(words, key);
	memcpy(p, words, PAGE);
}

static void write_tags(char *p, uint64_t key)
{
	unsigned char tags[PAGE_GRANULES];

	make_tags(tags, key);
	for (size_t i = 0; i < PAGE_GRANULES; i++)
		set_tag(p + i * GRANULE, tags[i]);
}

/* How many are not what they should be, and the first of them */
struct wrong {
	size_t count, offset;
	uint64_t found, expected;
};

static void compare(struct wrong *wrong, size_t offset, uint64_t found, uint64_t expected)
{
	if (found != expected && !wrong->count++)
		*wrong = (struct wrong){ 1, offset, found, expected };
}

static struct wrong compare_data(const char *p, uint64_t key)
{
	const volatile uint64_t *found = (const volatile uint64_t *)p;
	uint64_t words[PAGE_WORDS];
	struct wrong wrong = { 0 };

	make_words(words, key);
	for (size_t i = 0; i < PAGE_WORDS; i++)
		compare(&wrong, i * sizeof(*words), found[i], words[i]);
	return wrong;
}

static struct wrong compare_tags(const char *p, uint64_t key)
{
	unsigned char tags[PAGE_GRANULES];
	struct wrong wrong = { 0 };

	make_tags(tags, key);
	for (size_t i = 0; i < PAGE_GRANULES; i++)
		compare(&wrong, i * GRANULE, get_tag(p + i * GRANULE), tags[i]);
	return wrong;
}

/* What is known of a page that is not what it should be */

static void describe(const struct arena *a, size_t i)
{
	const struct page *page = &a->pages[i];
	const char *p = a->p + i * PAGE;

	printf("# page %zu of %zu at %p, physical address %#lx, key of data %#lx, of tags %#lx, %s PROT_MTE, %s, last:",
	       i, a->count, p, physical(p), page->data, page->tags, page->tagged ? "with" : "without",
	       a->flood ? "flood" : "ebb");
	for (uint64_t history = page->history; history; history >>= 4)
		printf(" %s", names[(history & 15) - 1]);
	printf("\n");
}

static void report(const struct arena *a, size_t i, const char *what, const char *p, const struct wrong *wrong)
{
	if (!wrong->count)
		return;
	printf("# worker %u (%s%s, fork %lu): %zu %s of a page are wrong, the first at %p, offset %#zx: "
	       "%#lx instead of %#lx\n", a->worker, a->kind->name, a->child ? ", child" : "", a->forks, wrong->count,
	       what, p + wrong->offset, wrong->offset, wrong->found, wrong->expected);
	describe(a, i);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	uintptr_t offset = ((uintptr_t)info->si_addr & ~(0xffUL << 56)) - (uintptr_t)arena.p;

	(void)context;
	printf("# worker %u (%s%s, fork %lu): signal %d at %p\n", arena.worker, arena.kind->name,
	       arena.child ? ", child" : "", arena.forks, sig, info->si_addr);
	if (offset < arena.count * PAGE)
		describe(&arena, offset / PAGE);
	end(1);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESETHAND };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* Reading and writing */

static bool over(void)
{
	return common->stop || (unsigned long)common->operations >= limit;
}

static void count_operation(enum action action)
{
	long count = ++common->operations;

	common->done[action]++;
	if (count % PROGRESS == 0)
		printf("# %ld operations, %ld blocks reserved\n", count, reserved());
}

static void note(struct page *page, enum action action)
{
	page->history = page->history << 4 | (action + 1);
}

static char *at(const struct arena *a, size_t i)
{
	return a->p + i * PAGE;
}

/* Data is the same through either mapping */
static char *view(const struct arena *a, size_t i)
{
	return (a->plain && draw(2) ? a->plain : a->p) + i * PAGE;
}

static void check_page(const struct arena *a, size_t i)
{
	const struct page *page = &a->pages[i];
	const char *p = view(a, i);
	struct wrong words = compare_data(p, page->data), tags = { 0 };

	if (page->tagged) {
		tags = compare_tags(at(a, i), page->tags);
		common->tags_read++;
	}
	report(a, i, "words", p, &words);
	report(a, i, "tags", at(a, i), &tags);
	if (words.count || tags.count)
		end(1);
}

/* Either may be what needs storage first */
static void write_page(struct arena *a, size_t i, enum action action)
{
	bool data = action != WRITE_TAGS, tags = action != WRITE_DATA, tags_first = draw(2);
	struct page *page = &a->pages[i];
	uint64_t key = a->next_key++;

	if (tags && tags_first)
		write_tags(at(a, i), key);
	if (data)
		write_data(view(a, i), key);
	if (tags && !tags_first)
		write_tags(at(a, i), key);
	if (data)
		page->data = key;
	if (tags)
		page->tags = key;
}

static void access_page(struct arena *a, size_t i, enum action action)
{
	struct page *page = &a->pages[i];

	if (action != READ && !page->tagged)
		action = WRITE_DATA;
	note(page, action);
	if (action == READ)
		check_page(a, i);
	else
		write_page(a, i, action);
	count_operation(action);
}

static void check_pages(struct arena *a, size_t first, size_t count)
{
	for (size_t i = first; i < first + count && !common->stop; i++)
		access_page(a, i, READ);
}

static void write_all(struct arena *a)
{
	for (size_t i = 0; i < a->count && !over(); i++)
		access_page(a, i, WRITE);
}

/* What else is done to pages */

static void advise(char *p, size_t count, int advice)
{
	NEED(!madvise(p, count * PAGE, advice), "madvise %d: %s", advice, strerror(errno));
}

static void set_fresh(struct arena *a, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		a->pages[i].data = a->pages[i].tags = 0;
}

static void set_tagged(struct arena *a, size_t first, size_t count, bool tagged)
{
	for (size_t i = first; i < first + count; i++)
		a->pages[i].tagged = tagged;
}

/* mprotect() never takes PROT_MTE away: to untag is only not to look at the tags any more. */
static void protect(struct arena *a, size_t first, size_t count, bool tagged)
{
	NEED(!mprotect(at(a, first), count * PAGE, tagged ? RW_TAGGED : RW), "mprotect: %s", strerror(errno));
	set_tagged(a, first, count, tagged);
}

/* The file keeps what it has */
static void discard(struct arena *a, size_t first, size_t count)
{
	advise(at(a, first), count, MADV_DONTNEED);
	if (a->plain && draw(2))
		advise(a->plain + first * PAGE, count, MADV_DONTNEED);
	if (!a->kind->shared)
		set_fresh(a, first, count);
}

static void map(struct arena *a, size_t first, size_t count, bool tagged)
{
	int flags = a->kind->shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	char *p = mmap(at(a, first), count * PAGE, tagged ? RW_TAGGED : RW, flags | MAP_FIXED, a->fd, first * PAGE);

	NEED(p == at(a, first), "mmap: %s", strerror(errno));
	if (a->kind->huge)
		advise(p, count, MADV_HUGEPAGE);
	set_tagged(a, first, count, tagged);
	if (!a->kind->shared)
		set_fresh(a, first, count);
}

/* Something in the middle of a mapping, or of a huge page, goes before it is mapped anew */
static void remap(struct arena *a, size_t first, size_t count, bool tagged)
{
	NEED(!munmap(at(a, first), count * PAGE), "munmap: %s", strerror(errno));
	map(a, first, count, tagged);
}

static void punch(struct arena *a, size_t first, size_t count)
{
	advise(at(a, first), count, MADV_REMOVE);
	set_fresh(a, first, count);
}

/* What is mapped twice would stay */
static void page_out(struct arena *a, size_t first, size_t count)
{
	if (a->plain)
		advise(a->plain + first * PAGE, count, MADV_DONTNEED);
	advise(at(a, first), count, MADV_PAGEOUT);
}

/* Pages may not be there, or not movable now; /proc/vmstat has how many moved */
static void move(struct arena *a, size_t first, size_t count)
{
	int node = draw(nodes), to[HUGE_PAGES], status[HUGE_PAGES];
	void *pages[HUGE_PAGES];

	for (size_t i = 0; i < count; i++) {
		pages[i] = at(a, first + i);
		to[i] = node;
	}
	syscall(SYS_move_pages, 0, count, pages, to, status, MOVE_ALL);
}

/* Not that pages have to be there from then on: one node has not got the memory */
static void bind(struct arena *a, size_t first, size_t count)
{
	unsigned long node = 1UL << draw(nodes);

	syscall(SYS_mbind, at(a, first), count * PAGE, PREFERRED, &node, 64, MOVE_ALL);
	NEED(!syscall(SYS_mbind, at(a, first), count * PAGE, 0, NULL, 0, 0), "mbind: %s", strerror(errno));
}

/* It may refuse, but not lose anything */
static void collapse(struct arena *a, size_t first)
{
	madvise(at(a, first), HUGE, MADV_COLLAPSE);
}

/* What is mapped at flood may have tags, of whoever has some */
static bool draw_tagged(const struct arena *a)
{
	if (!a->flood)
		return false;
	return a->kind->tagged || (a->kind->weight[TAG] && draw(2));
}

static void act_once(struct arena *a);

static void act_with_child(struct arena *a)
{
	pid_t pid = fork();
	int status = 0;

	NEED(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		a->child = true;
		a->next_key = a->forks << 32;
		stream = mix(stream + a->forks);
	}
	for (int i = 0; i < FORK_ACTIONS && !common->stop; i++)
		act_once(a);
	if (!pid) {
		check_pages(a, a->first, a->window);
		end(0);
	}
	NEED(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	NEED(!status, "the child ended with status %#x", status);
}

/* The two are busy with the same few pages, of which each has a copy once it writes, unless they are of a file */
static void fork_off(struct arena *a)
{
	size_t first = a->first, window = a->window;

	a->window = a->kind->huge ? HUGE_PAGES : FORK_WINDOW;
	a->first += draw(window / a->window) * a->window;
	a->forks++;
	a->forked = true;
	act_with_child(a);
	a->forked = false;
	a->first = first;
	a->window = window;
}

static void act(struct arena *a, enum action action, size_t first, size_t count)
{
	common->done[action]++;
	if (action < FORK)
		for (size_t i = first; i < first + count; i++)
			note(&a->pages[i], action);
	switch (action) {
	case TAG: return protect(a, first, count, true);
	case UNTAG: return protect(a, first, count, false);
	case DISCARD: return discard(a, first, count);
	case REMAP: return remap(a, first, count, draw_tagged(a));
	case PUNCH: return punch(a, first, count);
	case PAGE_OUT: return page_out(a, first, count);
	case MOVE: return move(a, first, count);
	case BIND: return bind(a, first, count);
	case COLLAPSE: return collapse(a, first);
	case FORK: return fork_off(a);
	case COMPACT: return NEED(put("/proc/sys/vm/compact_memory", "1"), "compact_memory: %s", strerror(errno));
	default: return NEED(false, "no such action: %d", action);
	}
}

/* What is in a file is for two to read, but not to write: neither would know of it */
static bool possible(const struct arena *a, enum action action)
{
	switch (action) {
	case WRITE:
	case WRITE_DATA:
	case WRITE_TAGS:
	case PUNCH:
		return !a->forked || !a->kind->shared;
	case TAG:
		return a->flood;
	case MOVE:
	case BIND:
		return nodes > 1;
	case FORK:
	case COMPACT:
		return !a->forked;
	default:
		return true;
	}
}

static enum action draw_by_weight(const unsigned char *weight)
{
	unsigned long sum = 0, drawn;
	int action = 0;

	for (int i = 0; i < ACTIONS; i++)
		sum += weight[i];
	for (drawn = draw(sum); drawn >= weight[action]; action++)
		drawn -= weight[action];
	return action;
}

static void act_once(struct arena *a)
{
	size_t first = a->first + draw(a->window), count = 1 + draw(MOST);
	enum action action;

	do
		action = draw_by_weight(a->kind->weight);
	while (!possible(a, action));
	if (action > WRITE_TAGS && a->kind->huge && (action == COLLAPSE || draw(2))) {
		first -= first % HUGE_PAGES;
		count = HUGE_PAGES;
	}
	if (count > a->first + a->window - first)
		count = a->first + a->window - first;
	if (action > WRITE_TAGS)
		return act(a, action, first, count);
	for (size_t i = first; i < first + count; i++)
		access_page(a, i, action);
}

/* One process from its beginning to its end */

static void follow_tide(struct arena *a)
{
	bool flood = !a->kind->tidal || common->operations / tide % 3 < 2;

	if (flood == a->flood)
		return;
	a->flood = flood;
	if (flood && a->kind->tagged)
		act(a, TAG, 0, a->count);
	if (flood)
		return;
	if (a->kind->shared)
		act(a, PUNCH, 0, a->count);
	act(a, REMAP, 0, a->count);
	write_all(a);
}

static void busy_oneself(struct arena *a)
{
	a->window = a->kind->huge ? HUGE_WINDOW : WINDOW;
	a->first = draw(a->count / a->window) * a->window;
	for (int i = 0; i < WINDOW_ACTIONS && !over(); i++)
		act_once(a);
}

static void make_arena(struct arena *a)
{
	size_t size = a->count * PAGE;

	a->pages = calloc(a->count, sizeof(*a->pages));
	NEED(a->pages, "no memory for %zu pages", a->count);
	a->next_key = 1;
	a->fd = -1;
	if (a->kind->shared) {
		a->fd = memfd_create("soak", MFD_CLOEXEC);
		NEED(a->fd >= 0 && !ftruncate(a->fd, size), "memfd: %s", strerror(errno));
		a->plain = mmap(NULL, size, RW, MAP_SHARED, a->fd, 0);
		NEED(a->plain != MAP_FAILED, "mmap: %s", strerror(errno));
	}
	a->p = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(a->p != MAP_FAILED, "mmap: %s", strerror(errno));
	a->p = (char *)(((uintptr_t)a->p + HUGE - 1) / HUGE * HUGE);
	map(a, 0, a->count, false);
}

static __attribute__((noreturn)) void work(const struct kind *kind, unsigned int worker, size_t count)
{
	arena = (struct arena){ .kind = kind, .worker = worker, .count = count };
	pattern = mix(seed + worker + 1);
	stream = mix(pattern);
	catch_signals();
	make_arena(&arena);
	write_all(&arena);
	while (!over()) {
		follow_tide(&arena);
		busy_oneself(&arena);
	}
	check_pages(&arena, 0, arena.count);
	end(0);
}

/* All of them */

/*
 * More than there is, but not more than is left when part of it is compressed, in swap. What keeps tags at flood is not
 * there for anything else.
 */
static size_t working_set(void)
{
	long available = number_in("/proc/meminfo", "MemAvailable:"), swap = number_in("/proc/meminfo", "SwapFree:");
	unsigned long mib = setting("MIB", 0);

	if (mib)
		return mib * MIB / PAGE;
	return ((available + swap / 4) * 1024 - tag_storage_pages() * PAGE) / PAGE;
}

static size_t pages_of(const struct kind *kind, size_t all)
{
	size_t window = kind->huge ? HUGE_WINDOW : WINDOW, windows = all * kind->percent / 100 / window;

	return (windows ? windows : 1) * window;
}

/* Ebb lasts until what was given back is written anew, and a while more, when memory is full; flood twice as long */
static void set_tide(size_t all)
{
	tide = 0;
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].tidal)
			tide += 3 * kinds[i].processes * pages_of(&kinds[i], all);
	if (tide > limit / 8)
		tide = limit / 8;
	if (!tide)
		tide = 1;
}

/* How many they are */
static unsigned int start_all(size_t all)
{
	unsigned int worker = 0;

	for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		for (unsigned int i = 0; i < kind->processes; i++) {
			pid_t pid = fork();

			NEED(pid >= 0, "fork: %s", strerror(errno));
			worker++;
			if (!pid)
				work(kind, worker, pages_of(kind, all));
		}
	}
	return worker;
}

/* Until nobody is left, children of those that died among them; the first that did not end well is told */
static void await_all(char *why, size_t size)
{
	int status;

	while (wait(&status) > 0) {
		if (!status)
			continue;
		common->stop = true;
		if (*why)
			continue;
		if (WIFSIGNALED(status))
			snprintf(why, size, "a process was killed by signal %d", WTERMSIG(status));
		else
			snprintf(why, size, "see above");
	}
}

/* What ends a little after the processes did has 4 s for it */
static bool comes_to(long before)
{
	for (int i = 0; i < 200; i++) {
		drain();
		if (reserved() == before)
			return true;
		usleep(20000);
	}
	return false;
}

/* The kernel keeps a page in swap that somebody looked at when it was freed, and a huge page that is all zero */
static long reserved_at_end(long before)
{
	if (comes_to(before))
		return before;
	printf("# %ld blocks reserved, before swap is emptied\n", reserved());
	if (swapoff(SWAP_DEVICE))
		printf("# swapoff: %s\n", strerror(errno));
	else if (swapon(SWAP_DEVICE, 0))
		printf("# swapon: %s\n", strerror(errno));
	put("/proc/sys/vm/drop_caches", "2");
	comes_to(before);
	return reserved();
}

static void read_counters(long *values)
{
	for (size_t i = 0; i < COUNTED; i++)
		values[i] = number_in("/proc/vmstat", counted[i]);
}

static void print_totals(const long *before)
{
	long now[COUNTED];

	read_counters(now);
	printf("# %ld operations:", common->operations);
	for (int i = 0; i <= WRITE_TAGS; i++)
		printf(" %s %ld", names[i], common->done[i]);
	printf("; tags read %ld; in between:", common->tags_read);
	for (int i = WRITE_TAGS + 1; i < ACTIONS; i++)
		printf(" %s %ld", names[i], common->done[i]);
	printf("\n# vmstat:");
	for (size_t i = 0; i < COUNTED; i++)
		printf(" %s %ld", counted[i], now[i] - before[i]);
	printf("\n");
}

static bool run_soak(void)
{
	size_t all = working_set();
	long before[COUNTED];
	char why[64] = "";

	set_tide(all);
	printf("# seed %lu, %lu operations, ebb lasts %lu of them, %zu MiB\n", seed, limit, tide, all * PAGE / MIB);
	read_counters(before);
	printf("# %u processes\n", start_all(all));
	await_all(why, sizeof(why));
	print_totals(before);
	if (*why)
		printf("not ok 1 soak # %s\n", why);
	else
		printf("ok 1 soak\n");
	return !*why;
}

static bool run_given_back(long before)
{
	long now = reserved_at_end(before);

	if (now != before)
		printf("not ok 2 given_back # %ld blocks stay reserved, not %ld\n", now, before);
	else
		printf("ok 2 given_back\n");
	return now == before;
}

/* How many faults took each number of rounds, and how many that were in all */
static unsigned long read_histogram(unsigned long *faults)
{
	FILE *file = fopen(HISTOGRAM "hist", "r");
	unsigned long rounds, count, sum = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "{ rounds: %lu } hitcount: %lu", &rounds, &count) != 2 || rounds >= MOST_ROUNDS)
			continue;
		faults[rounds] = count;
		sum += count;
	}
	if (file)
		fclose(file);
	return sum;
}

static bool run_rounds(void)
{
	unsigned long faults[MOST_ROUNDS] = { 0 }, all = read_histogram(faults), below = 0, rounds = 0;
	const unsigned long most = setting("ROUNDS", 4);

	printf("# faults by rounds:");
	for (int i = 0; i < MOST_ROUNDS; i++)
		if (faults[i])
			printf(" %d: %lu", i, faults[i]);
	printf("\n");
	put(HISTOGRAM "trigger", "!" KEYS);
	for (; rounds < MOST_ROUNDS && (below += faults[rounds]) * 100 < all * 99; rounds++)
		;
	printf("# 99 of 100 took up to %lu\n", rounds);
	printf("%sok 3 rounds\n", all && rounds <= most ? "" : "not ");
	return all && rounds <= most;
}

static void set_up(void)
{
	seed = start_tests();
	limit = setting("OPERATIONS", OPERATIONS);
	nodes = last_node() + 1;
	common = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
	const char *lacks = missing();
	bool good;
	long before;

	set_up();
	printf("KTAP version 1\n1..3\n");
	if (!lacks && !put(HISTOGRAM "trigger", KEYS))
		lacks = "no histogram of " HISTOGRAM;
	if (lacks || common == MAP_FAILED) {
		lacks = lacks ? lacks : "no memory";
		printf("not ok 1 soak # %s\nnot ok 2 given_back # %s\nnot ok 3 rounds # %s\n", lacks, lacks, lacks);
		return 1;
	}
	drain();
	before = reserved();
	good = run_soak();
	good &= run_given_back(before);
	good &= run_rounds();
	return !good;
}
#else
int main(void)
{
	printf("1..0 # SKIP no memory tags on this architecture\n");
	return 4;
}
#endif
