// Allocates an image and paints it, one byte a pixel. Wrong: one row too many.
#include <stdint.h>
#include <stdlib.h>

uint8_t *checkerboard(size_t width, size_t height)
{
	uint8_t *pixels;
	size_t x, y;

	if (height == 0 || width == 0 || width > SIZE_MAX / height || width * height > PTRDIFF_MAX)
		return NULL;
	pixels = malloc(width * height);
	if (pixels == NULL)
		return NULL;
#ifdef WRONG
	for (y = 0; y <= height; y++)
#else
	for (y = 0; y < height; y++)
#endif
		for (x = 0; x < width; x++)
			pixels[y * width + x] = ((x ^ y) & 8) ? 0xff : 0x00;
	return pixels;
}
