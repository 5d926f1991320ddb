// SPDX-License-Identifier: MIT OR Apache-2.0
/* Memory ranges of a CXL device: validation, naming and lookup. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#define CXL_RANGE_ALIGN (256ULL << 20)
#define CXL_RANGE_NAME_LEN 48

struct cxl_dev_state {
	u64 total_bytes;
	u64 volatile_bytes;
	u64 persistent_bytes;
};

struct cxl_range {
	u64 base;
	u64 length;
};

struct cxl_range_info {
	char name[CXL_RANGE_NAME_LEN];
	u64 start;
	u64 end;
	bool is_volatile;
};

/* Does an address fall into the range? */
bool cxl_range_contains(const struct cxl_range_info *info, u64 address)
{
	return address >= info->start && address <= info->end;
}

/* Sizes of the partitions must be whole capacity units and must add up. */
int cxl_mem_check_capacity(const struct cxl_dev_state *cxlds)
{
	if (cxlds->volatile_bytes > cxlds->total_bytes)
		return -EINVAL;
	if (cxlds->persistent_bytes != cxlds->total_bytes - cxlds->volatile_bytes)
		return -EINVAL;
	if (cxlds->total_bytes % CXL_RANGE_ALIGN)
		return -EINVAL;
	return 0;
}

/*
 * Describes one decoded range: its inclusive bounds, the partition it falls into and a name that
 * user space sees.
 */
int cxl_mem_create_range_info(const struct cxl_dev_state *cxlds, const struct cxl_range *range,
			      struct cxl_range_info *info)
{
	char range_id[32];
	u64 start, end;

	if (!range->length || range->length > cxlds->total_bytes)
		return -EINVAL;

	start = range->base;
	end = start + range->length - 1;
	if (end < start)
		return -ERANGE;

	sprintf(range_id, "[%#llx-%#llx]", start, end);
	if (strscpy(info->name, range_id, sizeof(info->name)) < 0)
		return -ENAMETOOLONG;

	info->start = start;
	info->end = end;
	info->is_volatile = start < cxlds->volatile_bytes;
	return 0;
}
