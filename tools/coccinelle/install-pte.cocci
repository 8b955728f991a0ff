// SPDX-License-Identifier: GPL-2.0
/// Operations with install_pte given to a walk that refuses them, or together with hugetlb_entry.
///
/// Only walk_page_range_mm(), which is memory management's own, takes operations that fill page tables: whoever sets
/// entries has to know what fault, zap, fork and reclaim will make of them. The walks that all of the kernel may use
/// return -EINVAL at once, for every range, so that the code behind them never runs. Right is walk_page_range_mm() in
/// mm/, and operations without install_pte elsewhere. As a walk that installs refuses mappings of hugetlbfs, too, a
/// hugetlb_entry beside install_pte is never called: two sets of operations are needed.
// Scope: functions that the series changes.
// Options: --no-includes --include-headers

virtual report

@ops@
identifier o;
expression F != NULL;
@@
 struct mm_walk_ops o = { .install_pte = F, };

@direct@
identifier ops.o, walk =~ "^walk_page_(range|range_novma|range_vma|vma|mapping)$";
position p;
@@
 walk@p(..., &o, ...)

@script:python depends on report@
p << direct.p;
o << ops.o;
walk << direct.walk;
@@
coccilib.report.print_report(p[0], "%s() refuses %s, which has install_pte" % (walk, o))

@pointer exists@
identifier ops.o, walk =~ "^walk_page_(range|range_novma|range_vma|vma|mapping)$";
expression P;
position p;
@@
 P = &o
 ... when != P = ...
 walk@p(..., P, ...)

@script:python depends on report@
p << pointer.p;
o << ops.o;
walk << pointer.walk;
@@
coccilib.report.print_report(p[0], "%s() refuses %s, which has install_pte" % (walk, o))

@assigned exists@
identifier walk =~ "^walk_page_(range|range_novma|range_vma|vma|mapping)$";
expression O, F;
position p;
@@
 O.install_pte = F
 ... when != O.install_pte = ...
 walk@p(..., &O, ...)

@script:python depends on report@
p << assigned.p;
o << assigned.O;
walk << assigned.walk;
@@
coccilib.report.print_report(p[0], "%s() refuses %s, which has install_pte" % (walk, o))

@both@
identifier o;
expression F != NULL, H != NULL;
position p;
@@
 struct mm_walk_ops o@p = { .install_pte = F, .hugetlb_entry = H, };

@script:python depends on report@
p << both.p;
o << both.o;
@@
coccilib.report.print_report(p[0], "hugetlb_entry is never called beside install_pte")
