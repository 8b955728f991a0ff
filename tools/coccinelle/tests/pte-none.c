// SPDX-License-Identifier: GPL-2.0
static int fills(struct mm_struct *mm, unsigned long addr, pte_t *ptep, pte_t page)
{
	if (!pte_none(*ptep)) /* found */
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

static void takes_it_for_a_page(pte_t *ptep, pte_t *last)
{
	for (; ptep != last; ptep++) {
		if (pte_none(*ptep)) /* found */
			continue;
		put_page(pte_page(*ptep));
	}
}

static void asks_for_a_page(pte_t *ptep, pte_t *last)
{
	for (; ptep != last; ptep++) {
		pte_t pte = ptep_get(ptep);

		if (pte_none(pte))
			continue;
		if (pte_present(pte))
			put_page(pte_page(pte));
	}
}

static void asks_before(pte_t pte)
{
	if (pte_present(pte))
		return;
	if (!pte_none(pte))
		free_swap_and_cache(pte_to_swp_entry(pte));
}

/* What is asked of one entry says nothing of another */
static bool asks_of_another(pte_t pte, pte_t other)
{
	if (pte_none(pte)) /* found */
		return false;
	return pte_present(other);
}

static bool same_breath(pte_t pte, pte_t old)
{
	if (pte_none(pte) || !pte_present(pte) || pte_protnone(pte))
		return false;
	if (pte_write(pte) || (!pte_none(old) && !pte_present(old)))
		return true;
	return pte_none(old) ? 0 : swap_categories(pte_to_swp_entry(old));
}

static vm_fault_t was_faster(struct vm_fault *vmf)
{
	if (!pte_none(*vmf->pte) && vmf_pte_changed(vmf))
		return VM_FAULT_NOPAGE;
	if (!pte_none(*vmf->pte)) /* found */
		return VM_FAULT_NOPAGE;
	return 0;
}

static void asserts(pte_t *ptep)
{
	VM_BUG_ON(!pte_none(*ptep));
	WARN_ON_ONCE(!pte_none(*ptep));
}

static unsigned long skips(pte_t *ptep, pte_t *last)
{
	unsigned long nr = 0;

	while (ptep != last && pte_none(*ptep)) /* found */
		ptep++, nr++;
	return nr;
}
