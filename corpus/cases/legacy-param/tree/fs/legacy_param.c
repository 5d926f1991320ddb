// SPDX-License-Identifier: MIT OR Apache-2.0
/* Mount options of file systems that still want them as one comma-separated string. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

enum legacy_param_state { LEGACY_UNSET, LEGACY_INDIVIDUAL, LEGACY_MONOLITHIC };

struct legacy_ctx {
	enum legacy_param_state state;
	unsigned int data_size;
	char data[PAGE_SIZE];
};

void legacy_ctx_init(struct legacy_ctx *ctx)
{
	ctx->state = LEGACY_UNSET;
	ctx->data_size = 0;
	ctx->data[0] = '\0';
}

/* The whole option string at once; at most a page with its terminator. */
int legacy_param_set_all(struct legacy_ctx *ctx, const char *options)
{
	ssize_t copied;

	if (ctx->state == LEGACY_INDIVIDUAL)
		return -EINVAL;
	copied = strscpy(ctx->data, options, sizeof(ctx->data));
	if (copied < 0)
		return -E2BIG;
	ctx->state = LEGACY_MONOLITHIC;
	ctx->data_size = (unsigned int)copied;
	return 0;
}

/* Appends ",key=value" to the option string. */
int legacy_param_add(struct legacy_ctx *ctx, const char *key, const char *value, size_t value_len)
{
	unsigned int size = ctx->data_size;
	size_t key_len = strlen(key);
	size_t len = key_len + 1 + value_len;

	if (ctx->state == LEGACY_MONOLITHIC)
		return -EINVAL;
	if (value_len > PAGE_SIZE || key_len > PAGE_SIZE)
		return -E2BIG;

	if (len > PAGE_SIZE - 2 - size)
		return -E2BIG;

	if (size)
		ctx->data[size++] = ',';
	memcpy(ctx->data + size, key, key_len);
	size += key_len;
	ctx->data[size++] = '=';
	memcpy(ctx->data + size, value, value_len);
	size += value_len;
	ctx->data[size] = '\0';

	ctx->state = LEGACY_INDIVIDUAL;
	ctx->data_size = size;
	return 0;
}
