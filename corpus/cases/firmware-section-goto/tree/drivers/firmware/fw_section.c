// SPDX-License-Identifier: MIT OR Apache-2.0
/* Sections of a firmware that user space hands over. */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define FW_SECTION_LEN 4096

struct fw_section_req {
	u32 id;
	u32 len;
	u64 data;
};

struct fw_section {
	u32 id;
	u32 len;
	u8 *data;
};

bool fw_section_loaded(const struct fw_section *section)
{
	return section->data && section->len;
}

void fw_section_drop(struct fw_section *section)
{
	kfree(section->data);
	section->data = NULL;
	section->len = 0;
}

/* Loads a section into a buffer of its own. */
int fw_section_load(struct fw_section *section, const struct fw_section_req __user *arg)
{
	struct fw_section_req *req;
	u8 *data;
	int ret;

	req = kmalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	data = kzalloc(FW_SECTION_LEN, GFP_KERNEL);
	if (!data) {
		ret = -ENOMEM;
		goto free_req;
	}

	if (copy_from_user(req, arg, sizeof(*req))) {
		ret = -EFAULT;
		goto free_data;
	}
	if (!req->len) {
		ret = -EINVAL;
		goto free_data;
	}
	if (copy_from_user(data, u64_to_user_ptr(req->data), req->len)) {
		ret = -EFAULT;
		goto free_data;
	}

	section->id = req->id;
	section->len = req->len;
	section->data = data;
	kfree(req);
	return 0;

free_data:
	kfree(data);
free_req:
	kfree(req);
	return ret;
}
