// SPDX-License-Identifier: GPL-2.0
static bool twice(pmd_t *pmd, unsigned long addr)
{
	pte_t *pte = pte_offset_map(pmd, addr);
	bool wait = pte_none(*pte); /* found */

	if (!wait && pte_present(*pte)) /* found */
		wait = true;
	pte_unmap(pte);
	return wait;
}

static bool once(pmd_t *pmd, unsigned long addr)
{
	pte_t *pte = pte_offset_map(pmd, addr), ptent;
	bool wait;

	ptent = ptep_get(pte);
	wait = pte_none(ptent) || pte_present(READ_ONCE(*pte));
	pte_unmap(pte);
	return wait;
}

static bool by_member(struct vm_fault *vmf)
{
	vmf->pte = pte_offset_map(vmf->pmd, vmf->address);
	vmf->orig_pte = *vmf->pte; /* found */
	return pte_none(vmf->orig_pte);
}

static bool locked(struct mm_struct *mm, pmd_t *pmd, unsigned long addr)
{
	spinlock_t *ptl;
	pte_t *pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
	bool none = pte_none(*pte);

	pte_unmap_unlock(pte, ptl);
	return none;
}

static bool locked_later(struct mm_struct *mm, pmd_t *pmd, unsigned long addr)
{
	spinlock_t *ptl = pte_lockptr(mm, pmd);
	pte_t *pte = pte_offset_map(pmd, addr);
	bool none;

	spin_lock_nested(ptl, SINGLE_DEPTH_NESTING);
	none = pte_none(*pte);
	spin_unlock(ptl);
	pte_unmap(pte);
	return none;
}

static void read_huge(struct mm_struct *mm, unsigned long addr, unsigned long size)
{
	pte_t *ptep = huge_pte_offset(mm, addr, size);
	pte_t pte;

	if (!ptep)
		return;
	pte = *ptep; /* found */
	pte = huge_ptep_get(ptep);
	use(pte);
}

static int huge_entry(pte_t *ptep, unsigned long hmask, unsigned long addr, unsigned long end,
		      struct mm_walk *walk)
{
	if (pte_present(*ptep)) /* found */
		return 1;
	return huge_pte_uffd_wp(huge_ptep_get(ptep));
}

/* With the lock, and of small pages */
static int small_entry(pte_t *ptep, unsigned long addr, unsigned long end, struct mm_walk *walk)
{
	return pte_present(*ptep);
}

static int pmd_entry(pmd_t *pmd, unsigned long addr, unsigned long end, struct mm_walk *walk)
{
	spinlock_t *ptl;
	int ret = 0;

	if (pmd_trans_huge(*pmd)) /* found */
		return 1;
	if (pmd_none(READ_ONCE(*pmd)) || pmd_none(pmd_read_atomic(pmd)))
		return 1;
	ptl = pmd_lock(walk->mm, pmd);
	ret = pmd_present(*pmd);
	spin_unlock(ptl);
	return ret;
}

static int locked_pmd_entry(pmd_t *pmd, unsigned long addr, unsigned long end, struct mm_walk *walk)
{
	spinlock_t *ptl = pmd_trans_huge_lock(pmd, walk->vma);

	if (!ptl)
		return 0;
	use(*pmd);
	spin_unlock(ptl);
	return 0;
}

static const struct mm_walk_ops ops = {
	.pmd_entry	= pmd_entry,
	.pte_entry	= small_entry,
	.hugetlb_entry	= huge_entry,
};
