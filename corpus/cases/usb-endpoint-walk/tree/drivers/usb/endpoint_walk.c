// SPDX-License-Identifier: MIT OR Apache-2.0
/* Collects the endpoints from the descriptors of an interface. */
#include <linux/errno.h>
#include <linux/types.h>

#define USB_MAX_ENDPOINTS 4
#define USB_DT_ENDPOINT 5

struct usb_interface {
	u32 count;
	u8 endpoints[USB_MAX_ENDPOINTS];
	u8 number;
};

bool usb_has_endpoint(const struct usb_interface *interface)
{
	return interface->count && interface->count <= USB_MAX_ENDPOINTS;
}

bool usb_endpoint_in(u8 address)
{
	return address & 0x80;
}

/* Walks over `size` bytes of descriptors; each begins with its length and its type. */
int usb_collect_endpoints(struct usb_interface *interface, const u8 *buf, u32 size)
{
	u32 pos = 0;
	u32 count = 0;

	if (size > 4096)
		return -E2BIG;

	while (pos + 3 <= size) {
		u32 len = buf[pos];

		if (len < 3)
			return -EINVAL;
		if (buf[pos + 1] == USB_DT_ENDPOINT)
			interface->endpoints[count++] = buf[pos + 2];
		pos += len;
	}
	interface->count = count;
	return 0;
}
