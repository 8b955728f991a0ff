// SPDX-License-Identifier: GPL-2.0
/// An entry that may fault on access from now on, and nobody flushes the TLB.
///
/// An entry is invalid as long as its page has memory tags without storage for them: set_pte_at() makes it so. The
/// entry that it replaces may have been valid, as mprotect(PROT_MTE) turns entries without tags into entries with them.
/// Until the TLB has been flushed the old translation is used, so that nothing faults, and the page is accessed without
/// what it needs. Who changes the protection of an entry in place has to flush behind that: flush_tlb_range(),
/// tlb_flush_pte_range() and the like; or before it, with the entry cleared: ptep_clear_flush(), pmdp_invalidate().
/// To ask pte_needs_flush() is enough only as long as arm64 has none of its own: it is told the entry that was asked
/// for, not the one that set_pte_at() made of it.
// Scope: functions that the series changes. A line that it has in common with the base counts where the function around
// it is another.
// Options: --no-includes --include-headers

virtual report

@changed exists@
identifier f;
identifier change =~ "^(pte_mkfault_on_access|ptep_modify_prot_commit)$";
identifier flush =~ "^(flush_(pmd_)?tlb_(page|range|mm|all)|tlb_(flush|remove)_.*|(pte|huge_pmd)_needs_flush)$";
position p;
@@
 f(...)
 {
 ... when any
 change@p(...)
 ... when != flush(...)
 }

@script:python depends on report@
p << changed.p;
@@
coccilib.report.print_report(p[0], "the old translation is not flushed")

// It was not valid any more
@cleared exists@
identifier clear =~ "^(ptep_clear_flush|pmdp_invalidate|pmdp_invalidate_ad|pmdp_huge_clear_flush)$";
identifier set =~ "^set_(pte|pmd)_at$";
expression V, A, P;
position p;
@@
 clear(V, A, P)
 ...
 set@p(..., P, ...)

@modified exists@
identifier f;
identifier modify =~ "^(pte|pmd)_modify$";
identifier set =~ "^set_(pte|pmd)_at$";
identifier flush =~ "^(flush_(pmd_)?tlb_(page|range|mm|all)|tlb_(flush|remove)_.*|(pte|huge_pmd)_needs_flush)$";
expression X;
position p != cleared.p;
@@
 f(...)
 {
 ... when any
 X = modify(...)
 ... when any
 set@p(..., X);
 ... when != flush(...)
 }

@script:python depends on report@
p << modified.p;
@@
coccilib.report.print_report(p[0], "the old translation is not flushed")

@at_once exists@
identifier f;
identifier modify =~ "^(pte|pmd)_modify$";
identifier set =~ "^set_(pte|pmd)_at$";
identifier flush =~ "^(flush_(pmd_)?tlb_(page|range|mm|all)|tlb_(flush|remove)_.*|(pte|huge_pmd)_needs_flush)$";
position p != cleared.p;
@@
 f(...)
 {
 ... when any
 set@p(..., <+... modify(...) ...+>);
 ... when != flush(...)
 }

@script:python depends on report@
p << at_once.p;
@@
coccilib.report.print_report(p[0], "the old translation is not flushed")
