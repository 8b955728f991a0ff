// SPDX-License-Identifier: GPL-2.0
/// pte_none() by itself: what is not none is taken for a page, or for somebody who was faster.
///
/// Since the series a PTE that maps nothing may hold a marker, in memory of any kind. pte_none() is false for it, and
/// who asks no more than that goes on with pte_page() of a marker, or reports -EEXIST where userfaultfd may very well
/// put a page, or has the fault done again for ever. Right is another predicate: pte_present() for "is there a page",
/// pte_none_or_uffd_marker() for "may a page come here", pte_none_mostly() for "is nothing mapped", vmf_pte_changed()
/// in a fault for "was somebody faster"; or to ask, in the same function, what it is if it is not none.
// Scope: all of the file. What makes such a line of the base wrong is the series, which need not touch it for that.
// Options: --no-includes --include-headers

virtual report

// What it is otherwise is asked behind
@behind exists@
identifier ask =~ "^(is_(swap_pte|guard_pte|pte_marker)|pte_(present|to_swp_entry|none_(mostly|or_.*)|marker_.*))$";
expression E;
position p;
@@
 pte_none@p(E)
 ... when any
 ask(E)

// Or before
@before exists@
identifier ask =~ "^(is_(swap_pte|guard_pte|pte_marker)|pte_(present|to_swp_entry|none_(mostly|or_.*)|marker_.*))$";
expression E;
position p;
@@
 ask(E)
 ... when any
 pte_none@p(E)

// Or in the same breath
@same@
identifier ask =~ "^(is_(swap_pte|guard_pte|pte_marker)|pte_(present|to_swp_entry|none_(mostly|or_.*)|marker_.*))$";
expression E, V;
position p;
@@
(
 pte_none@p(E) || <+... ask(E) ...+>
|
 !pte_none@p(E) && <+... ask(E) ...+>
|
 <+... ask(E) ...+> || pte_none@p(E)
|
 <+... ask(E) ...+> && pte_none@p(E)
|
 pte_none@p(E) ? V : <+... ask(E) ...+>
|
 !pte_none@p(E) && vmf_pte_changed(V)
)

// An assertion decides nothing
@assertion@
expression E;
position p;
@@
 \(BUG_ON\|VM_BUG_ON\|WARN_ON\|WARN_ON_ONCE\|VM_WARN_ON\|VM_WARN_ON_ONCE\)(!pte_none@p(E))

@alone@
expression E;
position p != { behind.p, before.p, same.p, assertion.p };
@@
 pte_none@p(E)

@script:python depends on report@
p << alone.p;
@@
coccilib.report.print_report(p[0], "what is not pte_none() may be a marker")
