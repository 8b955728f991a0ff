// SPDX-License-Identifier: GPL-2.0
static void without(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep)
{
	pte_t pte = pte_mkfault_on_access(ptep_get(ptep)); /* found */

	set_pte_at(vma->vm_mm, addr, ptep, pte);
}

static void with(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep)
{
	pte_t pte = pte_mkfault_on_access(ptep_get(ptep));

	set_pte_at(vma->vm_mm, addr, ptep, pte);
	flush_tlb_page(vma, addr);
}

static int not_always(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep, bool lazy)
{
	pte_t pte = pte_mkfault_on_access(ptep_get(ptep)); /* found */

	set_pte_at(vma->vm_mm, addr, ptep, pte);
	if (lazy)
		return 1;
	flush_tlb_range(vma, addr, addr + PAGE_SIZE);
	return 0;
}

static void protects(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep, pgprot_t prot)
{
	pte_t old = ptep_modify_prot_start(vma, addr, ptep);

	ptep_modify_prot_commit(vma, addr, ptep, old, pte_modify(old, prot)); /* found */
}

static void protects_and_gathers(struct mmu_gather *tlb, struct vm_area_struct *vma, unsigned long addr,
				 pte_t *ptep, pgprot_t prot, unsigned long end)
{
	pte_t old, new;

	do {
		old = ptep_modify_prot_start(vma, addr, ptep);
		new = pte_modify(old, prot);
		ptep_modify_prot_commit(vma, addr, ptep, old, new);
		if (pte_needs_flush(old, new))
			tlb_flush_pte_range(tlb, addr, PAGE_SIZE);
	} while (ptep++, addr += PAGE_SIZE, addr != end);
}

static void in_place(struct mm_struct *mm, unsigned long addr, pte_t *ptep, pgprot_t prot)
{
	pte_t pte = *ptep;

	pte = pte_modify(pte, prot);
	set_pte_at(mm, addr, ptep, pte); /* found */
}

static void in_place_at_once(struct mm_struct *mm, unsigned long addr, pte_t *ptep, pgprot_t prot)
{
	set_pte_at(mm, addr, ptep, pte_mkyoung(pte_modify(*ptep, prot))); /* found */
}

static void cleared(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep, pgprot_t prot)
{
	pte_t pte = ptep_clear_flush(vma, addr, ptep);

	pte = pte_modify(pte, prot);
	set_pte_at(vma->vm_mm, addr, ptep, pte);
}

static void cleared_huge(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmdp, pgprot_t prot)
{
	pmd_t pmd;

	pmd = pmdp_invalidate(vma, addr, pmdp);
	pmd = pmd_modify(pmd, prot);
	set_pmd_at(vma->vm_mm, addr, pmdp, pmd);
}

static void huge_in_place(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmdp, pgprot_t prot)
{
	pmd_t pmd = pmd_modify(*pmdp, prot);

	set_pmd_at(vma->vm_mm, addr, pmdp, pmd); /* found */
}

/* Nothing was there, so nothing has to go */
static void first(struct vm_area_struct *vma, unsigned long addr, pte_t *ptep, struct page *page)
{
	set_pte_at(vma->vm_mm, addr, ptep, mk_pte(page, vma->vm_page_prot));
}
