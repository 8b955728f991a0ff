// SPDX-License-Identifier: GPL-2.0
/* Drops a guard as well */
static void drops(struct mm_struct *mm, unsigned long addr, pte_t *ptep)
{
	if (is_pte_marker(*ptep)) /* found */
		pte_clear(mm, addr, ptep);
}

static void drops_its_own(struct mm_struct *mm, unsigned long addr, pte_t *ptep)
{
	if (pte_marker_uffd_wp(*ptep))
		pte_clear(mm, addr, ptep);
}

static int fills(struct mm_struct *mm, unsigned long addr, pte_t *ptep, pte_t page)
{
	if (!pte_none_mostly(*ptep)) /* found */
		return -EEXIST;
	set_pte_at(mm, addr, ptep, page);
	return 0;
}

static int fills_what_is_free(struct mm_struct *mm, unsigned long addr, pte_t *ptep, pte_t page)
{
	if (!pte_none_or_uffd_marker(*ptep))
		return -EEXIST;
	set_pte_at(mm, addr, ptep, page);
	return 0;
}

static bool waits(pte_t pte)
{
	if (pte_none_or_uffd_marker(pte))
		return true;
	else if (is_pte_marker(pte))
		return false;
	return pte_present(pte) && pte_uffd_wp(pte);
}

static int copies(swp_entry_t entry, pte_t pte)
{
	if (is_writable_migration_entry(entry))
		return 1;
	else if (is_guard_marker_entry(entry))
		return 2;
	else if (is_pte_marker_entry(entry))
		return 3;
	return 4;
}

static int copies_without_asking(swp_entry_t entry, pte_t pte)
{
	if (is_writable_migration_entry(entry))
		return 1;
	else if (is_pte_marker_entry(entry)) /* found */
		return 3;
	return 4;
}

/* What was asked of is another entry by now */
static int asks_of_another(pte_t *ptep)
{
	pte_t pte = ptep[0];

	if (is_guard_pte(pte))
		return 1;
	pte = ptep[1];
	return is_pte_marker(pte); /* found */
}

static bool same_breath(swp_entry_t entry)
{
	return is_pte_marker_entry(entry) && (pte_marker_get(entry) & PTE_MARKER_GUARD);
}

static void asks_inside(pte_t pte, long *pages)
{
	if (pte_none(pte))
		return;
	else if (unlikely(is_pte_marker(pte))) {
		WARN_ON_ONCE(!pte_marker_uffd_wp(pte));
		*pages += 1;
	}
}

static void asks_after_another_test(pte_t pte, long *guards)
{
	if (is_pte_marker(pte)) {
		if (is_guard_pte(pte))
			*guards += 1;
	} else {
		*guards = 0;
	}
}

static bool yes_or_no(swp_entry_t entry)
{
	if (pte_marker_get(entry)) /* found */
		return true;
	return !pte_marker_get(entry); /* found */
}

static bool compared(swp_entry_t entry)
{
	pte_marker marker = pte_marker_get(entry), other;

	other = pte_marker_get(entry);
	if (pte_marker_get(entry) == PTE_MARKER_UFFD_WP)
		return true;
	return (pte_marker_get(entry) & PTE_MARKER_GUARD) || (marker & other);
}

static bool with_flags(pte_t pte)
{
	return pte_same(pte, make_pte_marker(PTE_MARKER_GUARD)) || /* found */
	       pte_same(make_pte_marker(PTE_MARKER_UFFD_WP), pte); /* found */
}

static bool without_flags(pte_t pte)
{
	return pte_same(pte_swp_clear_flags(pte), make_pte_marker(PTE_MARKER_GUARD));
}

/* No guards are where huge pages of hugetlbfs are */
static bool huge(pte_t *ptep)
{
	return huge_pte_none_mostly(huge_ptep_get(ptep));
}
