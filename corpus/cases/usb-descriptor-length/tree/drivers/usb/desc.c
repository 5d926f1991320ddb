// SPDX-License-Identifier: MIT OR Apache-2.0
/* Descriptors of USB devices: each begins with its length and its type. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define USB_DESC_HEADER_LEN 2
#define USB_DESC_MAX_LEN 255
#define USB_DT_ENDPOINT 5

struct usb_endpoint {
	u8 address;
	u8 attributes;
	u16 max_packet;
};

struct usb_extra {
	u8 type;
	u8 len;
	u8 data[USB_DESC_MAX_LEN];
};

/* Reads the fixed part of an endpoint descriptor. */
int usb_desc_endpoint(const u8 *buf, size_t len, struct usb_endpoint *endpoint)
{
	if (len < 7 || buf[0] < 7 || buf[1] != USB_DT_ENDPOINT)
		return -EINVAL;
	endpoint->address = buf[2];
	endpoint->attributes = buf[3];
	endpoint->max_packet = (u16)(buf[4] | buf[5] << 8);
	return 0;
}

bool usb_endpoint_is_in(const struct usb_endpoint *endpoint)
{
	return endpoint->address & 0x80;
}

/* Keeps a descriptor of a type that nobody here understands, for user space to read. */
int usb_desc_copy_extra(struct usb_extra *extra, const u8 *buf, size_t len)
{
	u8 desc_len;

	if (len < USB_DESC_HEADER_LEN)
		return -EINVAL;

	desc_len = buf[0];
	if (desc_len < USB_DESC_HEADER_LEN)
		return -EINVAL;

	extra->type = buf[1];
	extra->len = desc_len;
	memcpy(extra->data, buf, desc_len);
	return desc_len;
}
