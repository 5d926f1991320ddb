/* sscanf with the formats of scan_models.rs into three objects; what is left in them goes to `observe`. */
int sscanf(const char *s, const char *format, ...);
void observe(int byte);

char src[32];
char a[32], b[32], c[32];

static int shown(int result)
{
	unsigned i;

	for (i = 0; i < sizeof(a); i++)
		observe((unsigned char)a[i]);
	for (i = 0; i < sizeof(b); i++)
		observe((unsigned char)b[i]);
	for (i = 0; i < sizeof(c); i++)
		observe((unsigned char)c[i]);
	return result;
}

#define SCAN(number, format)                                                                       \
	int scan_##number(void)                                                                    \
	{                                                                                          \
		return shown(sscanf(src, format, a, b, c));                                        \
	}

SCAN(0, "%d %d %d")
SCAN(1, "%d,%3s%n")
SCAN(2, "%2s%hd")
SCAN(3, "%*d%c%s")
SCAN(4, "%3c%x")
SCAN(5, " %[ab]%ld%n")
SCAN(6, "%hhd:%5[^,]%llu")
SCAN(7, "%*[ab]%i%s")
