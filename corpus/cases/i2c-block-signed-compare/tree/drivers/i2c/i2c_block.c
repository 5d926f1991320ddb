// SPDX-License-Identifier: MIT OR Apache-2.0
/* Blocks of an I2C device; what is too long is cut off. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#define I2C_BLOCK_MAX 32

struct i2c_block {
	u8 command;
	u8 len;
	u8 data[I2C_BLOCK_MAX];
};

bool i2c_block_full(const struct i2c_block *block)
{
	return block->len >= I2C_BLOCK_MAX;
}

void i2c_block_clear(struct i2c_block *block)
{
	memset(block->data, 0, sizeof(block->data));
	block->len = 0;
}

/* Fills a block; returns how many bytes were taken. */
ssize_t i2c_block_write(struct i2c_block *block, u8 command, const u8 *data, size_t len)
{
	if (!len)
		return -EINVAL;

	if ((int)len > I2C_BLOCK_MAX)
		len = I2C_BLOCK_MAX;
	memcpy(block->data, data, len);
	block->command = command;
	block->len = len;
	return len;
}
