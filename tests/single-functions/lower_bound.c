// The first place whose key is not below the wanted one, with int indices. Wrong: the sum of the ends overflows.
int lower_bound(const long *keys, int count, long wanted)
{
	int low = 0, high;

	if (count <= 0)
		return 0;
	high = count - 1;
	while (low <= high) {
#ifdef WRONG
		int middle = (low + high) / 2;
#else
		int middle = low + (high - low) / 2;
#endif

		if (keys[middle] < wanted)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return low;
}
