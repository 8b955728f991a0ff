// SPDX-License-Identifier: GPL-2.0
/// A page table entry read as *pte where it changes meanwhile, or where it is not all there is.
///
/// In 6.1 *pte is how an entry is read with the page table locked, and right there. Without the lock, as behind
/// pte_offset_map() or in a pmd_entry() of a walk, each *pte is another look: two tests may see two entries, and the
/// compiler may read again what it has in a variable. Right is ptep_get(), or READ_ONCE() and pmd_read_atomic() for a
/// PMD, once, into a variable; or the lock. An entry of hugetlbfs is read with huge_ptep_get(), locked or not: on arm64
/// it may be several that have the bits together, on s390 it is no PTE.
// Scope: functions that the series changes. The base reads entries as it did before, and the series makes none of that
// wrong; but a line that it has in common with the base counts where the function around it is another.
// Options: --no-includes --include-headers

virtual report

// hugetlbfs
@table exists@
identifier get =~ "^(huge_pte_offset|huge_pte_alloc|hugetlb_walk)$";
expression P;
position p;
@@
 P = get(...)
 ... when any
     when != P = ...
 *@p P

@walk@
identifier o, f;
@@
 struct mm_walk_ops o = { .hugetlb_entry = f, };

@entry@
typedef pte_t;
identifier walk.f, P;
position p;
@@
 f(pte_t *P, ...)
 {
 <+...
 *@p P
 ...+>
 }

@script:python depends on report@
p << table.p;
@@
coccilib.report.print_report(p[0], "an entry of hugetlbfs is read with huge_ptep_get()")

@script:python depends on report@
p << entry.p;
@@
coccilib.report.print_report(p[0], "an entry of hugetlbfs is read with huge_ptep_get()")

// PTEs without the lock
@once@
expression P;
position p;
@@
 READ_ONCE(*@p P)

@unlocked exists@
expression P;
position p != once.p;
@@
 P = \(pte_offset_map\|pte_offset_kernel\)(...)
 ... when any
     when != P = ...
     when != \(spin_lock\|spin_lock_nested\)(...)
 *@p P

@script:python depends on report@
p << unlocked.p;
@@
coccilib.report.print_report(p[0], "without the lock an entry is read with ptep_get()")

// PMDs in a walk, which does not lock them
@pmd exists@
typedef pmd_t;
identifier f, M, A, N, W;
position p != once.p;
@@
 f(pmd_t *M, unsigned long A, unsigned long N, struct mm_walk *W)
 {
 ... when any
     when != \(pmd_lock\|pmd_trans_huge_lock\|pte_offset_map_lock\|spin_lock\)(...)
 *@p M
 ... when any
 }

@script:python depends on report@
p << pmd.p;
@@
coccilib.report.print_report(p[0], "without the lock a PMD is read with READ_ONCE()")
