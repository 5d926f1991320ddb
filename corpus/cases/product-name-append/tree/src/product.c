// SPDX-License-Identifier: MIT OR Apache-2.0
/* Names of products as they stand in an inventory. */
#include <stdbool.h>
#include <string.h>

#define PRODUCT_NAME_LEN 48

struct product {
	unsigned int id;
	char name[PRODUCT_NAME_LEN];
	bool named;
};

/* Was the product made by this vendor? */
bool product_is_of(const struct product *product, const char *vendor)
{
	return product->named && strncmp(product->name, vendor, strlen(vendor)) == 0;
}

void product_clear(struct product *product)
{
	memset(product->name, 0, sizeof(product->name));
	product->named = false;
}

/* Sets the name to "vendor model"; false when it is not possible. */
bool product_set_name(struct product *product, const char *vendor, const char *model)
{
	size_t used = strlen(vendor);

	if (used == 0 || used > sizeof(product->name) - 2)
		return false;

	memcpy(product->name, vendor, used);
	product->name[used++] = ' ';
	strcpy(product->name + used, model);
	product->named = true;
	return true;
}
