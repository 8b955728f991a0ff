// SPDX-License-Identifier: GPL-2.0
/// A test for a PTE marker that does not ask which marker it is.
///
/// Before the series there was one marker, that of userfaultfd's write protection, so that is_pte_marker() said all
/// there was to say. Now a marker may as well be a guard. Who drops any marker, puts a page in its place or waits until
/// one comes takes a guard away, or waits for ever. Right is a predicate for the one that is meant: is_guard_pte(),
/// is_guard_marker_entry(), pte_marker_uffd_wp(), pte_marker_entry_uffd_wp(), pte_none_or_uffd_marker(). A test for any
/// marker is right behind a test for one of them, and around it. It is not looked for in huge_pte_none_mostly(), as
/// there are no guards in mappings of hugetlbfs.
///
/// Likewise pte_marker_get() taken for yes or no instead of compared with a bit, and an entry compared with a marker as
/// it is: mremap() sets the soft-dirty bit in markers, so that pte_swp_clear_flags() comes first.
// Also: is_pte_marker|pte_none_mostly|pte_marker_get
// Scope: all of the file. What makes such a line of the base wrong is the series, which need not touch it for that.
// Options: --no-includes --include-headers

virtual report

// Asked before
@before exists@
identifier one =~ "^(is_guard_(pte|marker_entry)|pte_marker_(entry_)?uffd_wp|pte_none_or_uffd_marker)$";
identifier every =~ "^(is_pte_marker(_entry)?|pte_none_mostly)$";
expression E;
position p;
@@
 one(E)
 ... when != E = ...
 every@p(E)

// Asked in the same breath
@same@
expression E, M;
position p;
@@
 \(is_pte_marker_entry@p(E) && (pte_marker_get(E) & M)\|is_pte_marker_entry@p(E) && pte_marker_get(E) == M\)

// Asked once it is known to be a marker
@behind@
identifier one =~ "^(is_guard_(pte|marker_entry)|pte_marker_(entry_)?uffd_wp|pte_none_or_uffd_marker)$";
identifier every =~ "^(is_pte_marker(_entry)?|pte_none_mostly)$";
expression E;
statement S;
position p;
@@
 if (<+... every@p(E) ...+>) {
 <+...
 one(E)
 ...+>
 } else S

@asked@
identifier every =~ "^(is_pte_marker(_entry)?|pte_none_mostly)$";
expression E;
position p != { before.p, same.p, behind.p };
@@
 every@p(E)

@script:python depends on report@
p << asked.p;
every << asked.every;
@@
coccilib.report.print_report(p[0], "%s() is true for every marker" % every)

@bit@
expression E, M, X;
position p;
@@
 \(pte_marker_get@p(E) & M\|pte_marker_get@p(E) == M\|pte_marker_get@p(E) != M\|X = pte_marker_get@p(E)\)

@yes_or_no@
expression E;
position p != bit.p;
@@
 pte_marker_get@p(E)

@script:python depends on report@
p << yes_or_no.p;
@@
coccilib.report.print_report(p[0], "pte_marker_get() is true for every marker")

@clean@
expression E, M;
position p;
@@
 \(pte_same@p(pte_swp_clear_flags(E), make_pte_marker(M))\|pte_same@p(make_pte_marker(M), pte_swp_clear_flags(E))\)

@flags@
expression E, M;
position p != clean.p;
@@
 \(pte_same@p(E, make_pte_marker(M))\|pte_same@p(make_pte_marker(M), E)\)

@script:python depends on report@
p << flags.p;
@@
coccilib.report.print_report(p[0], "a marker may have soft-dirty bits")
