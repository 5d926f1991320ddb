// SPDX-License-Identifier: MIT OR Apache-2.0
/* Frames on the relay bus: four bytes of header, data, and a byte of padding for odd lengths. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>

#define RELAY_HEADER_LEN 4
#define RELAY_TYPE_DATA 1
#define RELAY_TYPE_CONTROL 2

struct relay_header {
	u8 type;
	u8 flags;
	u8 len_high;
	u8 len_low;
};

bool relay_type_known(u8 type)
{
	return type == RELAY_TYPE_DATA || type == RELAY_TYPE_CONTROL;
}

/* Number of data bytes that a header announces. */
u16 relay_header_len(const struct relay_header *header)
{
	return (u16)(header->len_high << 8 | header->len_low);
}

/* Builds a frame around the data; the caller frees it. NULL when there is no memory. */
u8 *relay_frame_build(u8 type, const u8 *data, u16 len)
{
	size_t total = RELAY_HEADER_LEN + len;
	u8 *frame;

	if (!relay_type_known(type))
		return NULL;

	frame = kmalloc(total, GFP_KERNEL);
	if (!frame)
		return NULL;

	frame[0] = type;
	frame[1] = 0;
	frame[2] = len >> 8;
	frame[3] = len & 0xff;
	memcpy(frame + RELAY_HEADER_LEN, data, len);
	if (len & 1)
		frame[total] = 0;
	return frame;
}
