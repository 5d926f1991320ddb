// SPDX-License-Identifier: MIT OR Apache-2.0
/* In-memory index of a blob file system, loaded from user space at mount time. */
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define BLOB_ENTRY_SIZE 16U
#define BLOB_ENTRY_LAST 0x80000000U

struct blob_entry {
	u32 id;
	u32 offset;
	u32 length;
	u32 flags;
};

struct blob_load_req {
	u32 count;
	u32 generation;
	u64 entries;
};

struct blob_index {
	struct blob_entry *entries;
	u32 count;
	u32 generation;
};

/* Does the entry lie below the end of the device? */
bool blob_entry_in_device(const struct blob_entry *entry, u32 device_size)
{
	return entry->offset <= device_size && entry->length <= device_size - entry->offset;
}

void blob_index_drop(struct blob_index *index)
{
	kfree(index->entries);
	index->entries = NULL;
	index->count = 0;
}

/* Reads the entries that the request points to and marks the last one. */
int blob_index_load(struct blob_index *index, const struct blob_load_req *req)
{
	struct blob_entry *entries;
	u32 bytes;

	if (!req->count)
		return -EINVAL;

	bytes = req->count * BLOB_ENTRY_SIZE;
	entries = kmalloc(bytes, GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	if (copy_from_user(entries, u64_to_user_ptr(req->entries), bytes)) {
		kfree(entries);
		return -EFAULT;
	}

	entries[req->count - 1].flags |= BLOB_ENTRY_LAST;
	index->entries = entries;
	index->count = req->count;
	index->generation = req->generation;
	return 0;
}
