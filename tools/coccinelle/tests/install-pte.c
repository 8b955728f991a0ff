// SPDX-License-Identifier: GPL-2.0
static int fill(pte_t *pte, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	return 0;
}

static const struct mm_walk_ops fill_ops = {
	.pte_entry	= look,
	.install_pte	= fill,
};

static const struct mm_walk_ops look_ops = {
	.pte_entry	= look,
	.hugetlb_entry	= look_huge,
};

static const struct mm_walk_ops no_ops = {
	.install_pte	= NULL,
	.hugetlb_entry	= look_huge,
};

static const struct mm_walk_ops both_ops = { /* found */
	.hugetlb_entry	= look_huge,
	.install_pte	= fill,
};

int wrong_walks(struct vm_area_struct *vma, struct address_space *mapping)
{
	int err = walk_page_range(vma->vm_mm, vma->vm_start, vma->vm_end, &fill_ops, NULL); /* found */

	if (!err)
		err = walk_page_range_vma(vma, vma->vm_start, vma->vm_end, &fill_ops, NULL); /* found */
	if (walk_page_vma(vma, &fill_ops, NULL)) /* found */
		return err;
	EXPECT_EQ(-EINVAL, walk_page_range_novma(vma->vm_mm, 0, 1, &fill_ops, NULL, NULL)); /* found */
	return walk_page_mapping(mapping, 0, 1, &fill_ops, NULL); /* found */
}

int right_walks(struct vm_area_struct *vma, struct address_space *mapping)
{
	int err = walk_page_range(vma->vm_mm, vma->vm_start, vma->vm_end, &look_ops, NULL);

	if (!err)
		err = walk_page_range_vma(vma, vma->vm_start, vma->vm_end, &no_ops, NULL);
	if (!err)
		err = walk_page_range_mm(vma->vm_mm, vma->vm_start, vma->vm_end, &fill_ops, NULL, NULL);
	return err;
}

int by_pointer(struct vm_area_struct *vma, bool install)
{
	const struct mm_walk_ops *ops = &look_ops;

	if (install)
		ops = &fill_ops;
	return walk_page_vma(vma, ops, NULL); /* found */
}

int by_other_pointer(struct vm_area_struct *vma)
{
	const struct mm_walk_ops *ops;

	ops = &fill_ops;
	walk_page_range_mm(vma->vm_mm, vma->vm_start, vma->vm_end, ops, NULL, NULL);
	ops = &look_ops;
	return walk_page_vma(vma, ops, NULL);
}

int set_later(struct vm_area_struct *vma, bool install)
{
	struct mm_walk_ops ops = { .pte_entry = look };

	walk_page_vma(vma, &ops, NULL);
	if (install)
		ops.install_pte = fill;
	return walk_page_vma(vma, &ops, NULL); /* found */
}
