// SPDX-License-Identifier: GPL-2.0
/*
 * Do memory tags and data stay out of each other's way? Fills the memory with a pattern, gives some other memory tags,
 * granule by granule, and looks whether either has changed the other. On a machine that keeps tags in RAM they change
 * each other, unless the kernel keeps the place of the tags free of data.
 *
 *   overlap [DATA_MIB [TAGGED_MIB [ROUNDS]]]
 *
 * Without numbers it takes all that is available but a 64th, a 16th of it with tags: what is left free may well be the
 * place of the tags, and then nothing shows. For the same reason it has the kernel keep less in reserve meanwhile.
 *
 * Exit status 0: all is intact, 1: something is corrupt, 2: this cannot be tried here. A kernel that is hit itself may
 * not live to see the end.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "storage.h"

#ifdef __aarch64__
#define ROUNDS		2UL
#define RESERVE_KIB	2048UL
#define MIX		0x9e3779b97f4a7c15UL

static uint64_t *data;
static char *tagged;
static size_t words, granules;

/* Neither is ever what a fresh page or a fresh tag is: zero */
static uint64_t word(size_t i, unsigned int round)
{
	return ((i + 1) * MIX ^ (uint64_t)round << 32) | 1;
}

static unsigned int tag(size_t i, unsigned int round)
{
	return 1 + ((i * MIX >> 40) + round) % 15;
}

#define RESERVE		"/proc/sys/vm/min_free_kbytes"

/* Sets what the kernel keeps free, if it lets us, and gives back what it was */
static unsigned long set_reserve(unsigned long kib)
{
	long before = number_in(RESERVE, "");
	char text[32];

	snprintf(text, sizeof(text), "%lu", kib);
	return put(RESERVE, text) && before > 0 ? before : 0;
}

static void *map(size_t mib, int prot, int flags)
{
	void *p = mmap(NULL, mib * MIB, RW | prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p != MAP_FAILED)
		return p;
	printf("cannot map %zu MiB: %s\n", mib, strerror(errno));
	exit(2);
}

static void write_data(unsigned int round)
{
	for (size_t i = 0; i < words; i++)
		data[i] = word(i, round);
}

static void write_tags(unsigned int round)
{
	for (size_t i = 0; i < granules; i++)
		set_tag(tagged + i * GRANULE, tag(i, round));
}

static size_t check_data(unsigned int round)
{
	size_t bad = 0;

	for (size_t i = 0; i < words; i++) {
		uint64_t found = data[i];

		if (found == word(i, round) || bad++)
			continue;
		printf("the first is word %zu at physical address %#lx: %#lx instead of %#lx\n", i,
		       physical(data + i), found, word(i, round));
	}
	return bad;
}

static size_t check_tags(unsigned int round)
{
	size_t bad = 0;

	for (size_t i = 0; i < granules; i++) {
		unsigned int found = get_tag(tagged + i * GRANULE);

		if (found == tag(i, round) || bad++)
			continue;
		printf("the first is the tag of granule %zu at physical address %#lx: %u instead of %u\n", i,
		       physical(tagged + i * GRANULE), found, tag(i, round));
	}
	return bad;
}

/* Each is written before the other is looked at: data over tags shows as well as tags over data. */
static bool one_round(unsigned int round)
{
	size_t bad_words, bad_tags;

	write_data(2 * round);
	write_tags(round);
	bad_words = check_data(2 * round);
	printf("round %u: %zu of %zu words corrupt after tags were written\n", round, bad_words, words);
	write_data(2 * round + 1);
	bad_tags = check_tags(round);
	printf("round %u: %zu of %zu tags wrong after data was written\n", round, bad_tags, granules);
	return !bad_words && !bad_tags;
}

static size_t number(int argc, char **argv, int i, size_t otherwise)
{
	return argc > i ? strtoul(argv[i], NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	size_t available, tagged_mib, data_mib, rounds;
	unsigned long reserve;
	bool intact = true;
	void *first;

	/* What was said before the kernel dies has to be out. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!has_tags()) {
		printf("no memory tags here\n");
		return 2;
	}
	reserve = set_reserve(RESERVE_KIB);
	available = number_in("/proc/meminfo", "MemAvailable:") / 1024;
	data_mib = number(argc, argv, 1, available * 59 / 64);
	tagged_mib = number(argc, argv, 2, available / 16);
	rounds = number(argc, argv, 3, ROUNDS);
	if (!data_mib || !tagged_mib || !rounds) {
		printf("usage: overlap [DATA_MIB [TAGGED_MIB [ROUNDS]]], none of them zero\n");
		if (reserve)
			set_reserve(reserve);
		return 2;
	}
	printf("%zu MiB of data, %zu MiB with tags, of %zu MiB available\n", data_mib, tagged_mib, available);
	words = data_mib * MIB / sizeof(*data);
	granules = tagged_mib * MIB / GRANULE;
	/*
	 * Memory is given out from low to high addresses, for the most part, and the place of the tags of low addresses
	 * is low, too. So the memory that will get tags is what is taken first, then returned and taken again.
	 */
	first = map(tagged_mib, 0, MAP_POPULATE);
	data = map(data_mib, 0, MAP_POPULATE);
	munmap(first, tagged_mib * MIB);
	tagged = map(tagged_mib, PROT_MTE, MAP_POPULATE);
	for (unsigned int round = 0; round < rounds && intact; round++)
		intact = one_round(round);
	if (reserve)
		set_reserve(reserve);
	printf("%s\n", intact ? "intact" : "CORRUPT");
	return !intact;
}
#else
int main(void)
{
	printf("no memory tags on this architecture\n");
	return 2;
}
#endif
