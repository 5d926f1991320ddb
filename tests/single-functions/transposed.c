// A new matrix, the given one transposed. Wrong: the rows of the result have the old length.
#include <stdint.h>
#include <stdlib.h>

double *transposed(uint16_t rows, uint16_t columns)
{
	size_t cells = (size_t)rows * columns;
	double *from, *to;
	size_t r, c;

	from = calloc(cells, sizeof(*from));
	if (from == NULL)
		return NULL;
	to = malloc(cells * sizeof(*to));
	if (to == NULL) {
		free(from);
		return NULL;
	}
	for (r = 0; r < rows; r++)
		for (c = 0; c < columns; c++)
#ifdef WRONG
			to[c * columns + r] = from[r * columns + c];
#else
			to[c * rows + r] = from[r * columns + c];
#endif
	free(from);
	return to;
}
