//! One family of generated functions for each class of obligations. Every function of a family is safe, is another
//! one by its constants, and needs the reasoning that the class is about.

/// A class of obligations, the property that its obligations mostly are, and the text of its k-th function.
pub struct Family {
    pub name: &'static str,
    pub function: fn(usize) -> String,
}

pub const FAMILIES: [Family; 12] = [
    Family {
        name: "index bounds",
        function: |k| {
            format!(
                "int bounds{k}(unsigned i, unsigned j)\n{{\n\tint t[{n}] = {{0}};\n\tif (i >= {n} || j > i)\n\t\treturn 0;\n\
                 \tt[i] = 1;\n\tt[i - j] += 2;\n\treturn t[(i + j) % {n}];\n}}\n",
                n = 8 + k
            )
        },
    },
    Family {
        name: "pointers into buffers",
        function: |k| {
            format!(
                "int buffer{k}(const unsigned char *p, unsigned long len)\n{{\n\tif (len < {n})\n\t\treturn -1;\n\
                 \tunsigned long off = p[0] & {m};\n\tif (off + 4 > len)\n\t\treturn -1;\n\
                 \treturn p[off] << 8 | p[off + 3];\n}}\n",
                n = 4 + k,
                m = 15 + k
            )
        },
    },
    Family {
        name: "members of records",
        function: |k| {
            format!(
                "struct record{k} {{ int head; char name[{n}]; int tail; }};\nint member{k}(struct record{k} *r, int i)\n{{\n\
                 \tif (i < 0 || i >= (int)sizeof r->name)\n\t\treturn 0;\n\tr->name[i] = 'x';\n\
                 \treturn r->head == r->name[{n} - 1 - i];\n}}\n",
                n = 9 + k
            )
        },
    },
    Family {
        name: "signed arithmetic",
        function: |k| {
            format!(
                "int signed{k}(int a, int b)\n{{\n\tif (a < -{n} || a > {n} || b < 0 || b > 1000)\n\t\treturn 0;\n\
                 \tint c = a * b + {n};\n\treturn c - a * 2;\n}}\n",
                n = 1000 + k
            )
        },
    },
    Family {
        name: "sizes that multiply",
        function: |k| {
            format!(
                "void *malloc(unsigned long n);\nint *sizes{k}(unsigned n, unsigned m)\n{{\n\tif (n > {n} || m > 5000)\n\
                 \t\treturn 0;\n\tint *p = malloc((unsigned long)n * m * sizeof *p);\n\
                 \tif (p && n && m)\n\t\tp[n * m - 1] = 1;\n\treturn p;\n}}\n",
                n = 1000 + k
            )
        },
    },
    Family {
        name: "shifts",
        function: |k| {
            format!(
                "unsigned shift{k}(unsigned x, int n)\n{{\n\tif (n <= 0 || n >= 32)\n\t\treturn x;\n\
                 \treturn (x << n | x >> (32 - n)) + {k};\n}}\n"
            )
        },
    },
    Family {
        name: "division",
        function: |k| {
            format!(
                "int divide{k}(int a, int b)\n{{\n\tif (b == 0 || (a < 0 && b == -1))\n\t\treturn {k};\n\
                 \tint q = a / b;\n\treturn q + a % b == 0 ? 0 : a / (b > 0 ? b : 7);\n}}\n"
            )
        },
    },
    Family {
        name: "strings",
        function: |k| {
            format!(
                "unsigned long strlen(const char *);\nchar *strcpy(char *, const char *);\nvoid *memcpy(void *, const void *, unsigned long);\n\
                 int string{k}(const char *s)\n{{\n\tchar b[{n}];\n\tunsigned long n = strlen(s);\n\tif (n >= sizeof b)\n\
                 \t\treturn 0;\n\tstrcpy(b, s);\n\tb[n] = 0;\n\treturn b[n / 2];\n}}\n",
                n = 16 + k
            )
        },
    },
    Family {
        name: "lifetime of the heap",
        function: |k| {
            format!(
                "void *malloc(unsigned long n);\nvoid free(void *p);\nint heap{k}(int c)\n{{\n\tint *p = malloc({n} * sizeof *p);\n\
                 \tint *q = c ? p : 0;\n\tif (!p)\n\t\treturn 0;\n\tp[{n} - 1] = c;\n\tif (q)\n\t\tq[0] = 2;\n\
                 \tint r = p[{n} - 1];\n\tfree(p);\n\treturn r;\n}}\n",
                n = 2 + k
            )
        },
    },
    Family {
        name: "initialised reads",
        function: |k| {
            format!(
                "int initial{k}(int c)\n{{\n\tint x, t[{n}];\n\tif (c > 0)\n\t\tx = c;\n\telse\n\t\tx = 3;\n\
                 \tfor (int i = 0; i < {n}; i++)\n\t\tt[i] = x;\n\treturn t[c > 0 && c < {n} ? c : 0];\n}}\n",
                n = 4 + k % 8
            )
        },
    },
    Family {
        name: "loops of unknown length",
        function: |k| {
            format!(
                "unsigned loop{k}(const unsigned char *data, unsigned len)\n{{\n\tunsigned sum = {k};\n\
                 \tfor (unsigned i = 0; i < len; i++)\n\t\tsum = sum * 31 + data[i];\n\treturn sum;\n}}\n"
            )
        },
    },
    Family {
        name: "calls",
        function: |k| {
            format!(
                "static int clamp{k}(int v, int low, int high)\n{{\n\treturn v < low ? low : v > high ? high : v;\n}}\n\
                 int call{k}(int a, int b)\n{{\n\tint t[{n}] = {{0}};\n\tint i = clamp{k}(a, 0, {n} - 1);\n\
                 \tt[i] = clamp{k}(b, -100, 100) * 3;\n\treturn t[clamp{k}(i + 1, 0, {n} - 1)];\n}}\n",
                n = 8 + k
            )
        },
    },
];
