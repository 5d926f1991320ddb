// SPDX-License-Identifier: MIT OR Apache-2.0
/* Lines of comma-separated values. */
#include <stdbool.h>
#include <stddef.h>

#define CSV_FIELD_LEN 24

struct csv_field {
	char text[CSV_FIELD_LEN];
	size_t len;
};

bool csv_field_empty(const struct csv_field *field)
{
	return field->len == 0;
}

/* Does the line consist of a single field? */
bool csv_single(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (line[i] == ',')
			return false;
	return true;
}

/* Takes the field in front of the first comma; false when there is none. */
bool csv_first_field(struct csv_field *field, const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] != ',') {
		field->text[n] = line[n];
		n++;
	}
	if (n == len || n >= CSV_FIELD_LEN)
		return false;

	field->text[n] = '\0';
	field->len = n;
	return true;
}
