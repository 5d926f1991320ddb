// SPDX-License-Identifier: MIT OR Apache-2.0
/* Messages to a co-processor: a header of four bytes and the payload. */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>

#define MAILBOX_HEADER_LEN 4
#define MAILBOX_MAGIC 0x5a

/* A checksum over the header. */
u8 mailbox_header_sum(const u8 *message, size_t size)
{
	if (size < MAILBOX_HEADER_LEN)
		return 0;
	return message[0] ^ message[1] ^ message[2];
}

void mailbox_message_free(u8 *message)
{
	kfree(message);
}

/* A message with the payload; NULL when there is no memory. */
u8 *mailbox_message_new(u8 channel, const u8 *payload, u16 len)
{
	u8 *message;
	u8 size;

	if (!len)
		return NULL;

	size = MAILBOX_HEADER_LEN + len;
	message = kmalloc(size, GFP_KERNEL);
	if (!message)
		return NULL;

	message[0] = MAILBOX_MAGIC;
	message[1] = channel;
	message[2] = len >> 8;
	message[3] = len & 0xff;
	memcpy(message + MAILBOX_HEADER_LEN, payload, len);
	return message;
}
