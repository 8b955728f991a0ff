/* SPDX-License-Identifier: GPL-2.0 */
/* Memory tags (arm64), for the programs that set them and look at them. The headers here may be of any age. */
#ifndef TAGS_H
#define TAGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef HWCAP2_MTE
#define HWCAP2_MTE	(1 << 18)
#endif
#ifndef PROT_MTE
#define PROT_MTE	0x20
#endif

#define GRANULE		16UL
#define RW		(PROT_READ | PROT_WRITE)
#define RW_TAGGED	(RW | PROT_MTE)

#ifdef __aarch64__
static inline bool has_tags(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_MTE;
}

static inline void set_tag(const char *p, unsigned long tag)
{
	uintptr_t address = (uintptr_t)p | tag << 56;

	asm volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" : : "r"(address) : "memory");
}

static inline unsigned int get_tag(const char *p)
{
	uintptr_t address = (uintptr_t)p;

	asm volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]" : "+r"(address) : : "memory");
	return address >> 56 & 15;
}
#endif

#endif
