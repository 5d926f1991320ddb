// SPDX-License-Identifier: MIT OR Apache-2.0
/* Elements of a station as type, length and value; the length counts the two bytes in front too. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define TLV_HEADER_LEN 2
#define TLV_NAME 7
#define STATION_NAME_MAX 255

struct station {
	u32 seen;
	u8 name_len;
	u8 name[STATION_NAME_MAX];
};

/* Is the element one that names a station? */
bool tlv_is_name(const u8 *tlv, size_t size)
{
	return size >= TLV_HEADER_LEN && tlv[0] == TLV_NAME;
}

void station_forget(struct station *station)
{
	station->name_len = 0;
	memset(station->name, 0, sizeof(station->name));
}

/* Takes over the name from an element of `size` bytes at most. */
int station_set_name(struct station *station, const u8 *tlv, size_t size)
{
	size_t len, name_len;

	if (size < TLV_HEADER_LEN || tlv[0] != TLV_NAME)
		return -EINVAL;

	len = tlv[1];
	if (len > size)
		return -EINVAL;

	name_len = len - TLV_HEADER_LEN;
	memcpy(station->name, tlv + TLV_HEADER_LEN, name_len);
	station->name_len = name_len;
	station->seen++;
	return 0;
}
