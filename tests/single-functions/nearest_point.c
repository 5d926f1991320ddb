// The struct of an array that is nearest to a value. Wrong: starts with an element that an empty array lacks.
#include <stddef.h>
#include <stdint.h>

struct point {
	int32_t x;
	int32_t y;
	uint32_t weight;
};

const struct point *nearest_point(const struct point *points, size_t count, int32_t x)
{
	const struct point *best = NULL;
	int64_t best_distance = INT64_MAX;
	size_t i;

#ifdef WRONG
	best = &points[0];
	best_distance = best->x > x ? (int64_t)best->x - x : (int64_t)x - best->x;
#endif
	for (i = 0; i < count; i++) {
		int64_t distance = (int64_t)points[i].x - x;

		if (distance < 0)
			distance = -distance;
		if (distance < best_distance) {
			best_distance = distance;
			best = points + i;
		}
	}
	return best;
}
