// The caller's string has a NUL, also where the function writes others before it: no input may be without one.
// test: verify
// options: unroll=3

unsigned long words_in_place(char *line, char **words, unsigned long max)
{
	unsigned long n = 0;

	for (;;) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line == '\0')
			return n;
		if (n == max)
			return n;
		words[n++] = line;
		while (*line != ' ' && *line != '\0')
			line++;
	}
}
// summary: words_in_place: 14 proved
