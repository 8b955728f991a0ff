// SPDX-License-Identifier: GPL-2.0
/*
 * Does this machine keep memory tags? Five neighbouring granules get five different tags, and each must read back as
 * it was written. Emulators exist that answer with a neighbour's tag. Exit status 0: they do, 1: they do not,
 * 4: there are no tags here.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define GRANULE	16
#define COUNT	5

#ifdef __aarch64__
#ifndef HWCAP2_MTE
#define HWCAP2_MTE	(1 << 18)
#endif
#ifndef PROT_MTE
#define PROT_MTE	0x20
#endif

static void set_tag(char *p, unsigned long tag)
{
	uintptr_t tagged = (uintptr_t)p | tag << 56;

	asm volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" : : "r"(tagged) : "memory");
}

static unsigned long get_tag(char *p)
{
	uintptr_t tagged = (uintptr_t)p;

	asm volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]" : "+r"(tagged) : : "memory");
	return tagged >> 56 & 15;
}

int main(void)
{
	int wrong = 0;
	char *page;

	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		return 4;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_MTE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 1;
	for (int i = 0; i < COUNT; i++)
		set_tag(page + i * GRANULE, 2 * i + 1);
	for (int i = 0; i < COUNT; i++) {
		unsigned long tag = get_tag(page + i * GRANULE);

		if (tag != 2UL * i + 1) {
			printf("granule %d: wrote tag %d, read %lu\n", i, 2 * i + 1, tag);
			wrong = 1;
		}
	}
	return wrong;
}
#else
int main(void)
{
	return 4;
}
#endif
