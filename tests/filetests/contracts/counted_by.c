// What a member with `counted_by` has at least is a contract of the objects that the caller hands over: as many elements as the
// member that counts them says at entry.
// test: verify

#define __counted_by(member) __attribute__((__counted_by__(member)))
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

struct tlv {
	u32 len;
	u8 data[] __attribute__((counted_by(len)));
};

struct table {
	int count;
	u16 kind;
	long entries[] __counted_by(count);
};

struct vector {
	u8 used;
	int *items __counted_by(used);
};

struct message {
	int id;
	struct vector parts[2];
	struct tlv body;
};

struct grouped {
	struct {
		int number;
	};
	u32 wide : 20, flags : 12;
	u32 values[] __counted_by(wide);
};

int get(struct tlv *t, u32 i)
{
	return i < t->len ? t->data[i] : 0;
}

int get_one_more(struct tlv *t, u32 i)
{
	return i <= t->len ? t->data[i] : 0;
 //                   ^^^^^^^^^^ refuted[valid-read] i == t->len
}

// No element is certain.
int first(const struct tlv *t)
{
	return t->data[0];
 //     ^^^^^^^^^^ refuted[valid-read] t->len == 0
}

// A negative count is none.
long sum(struct table *t)
{
	long all = 0;

	for (int i = 0; i < t->count; i++)
		all ^= t->entries[i];
	return all;
}

long middle(struct table *t)
{
	int n = t->count;

	return n ? t->entries[n / 2] : 0;
 //         ^^^^^^^^^^^^^^^^^ refuted[valid-read] t->count < 0
}

// The size of an element counts too.
void clear(struct table *t, u32 bytes)
{
	if (t->count > 0 && bytes < 8u * (u32)t->count)
		((char *)t->entries)[bytes] = 0;
}

void clear_too_far(struct table *t, u32 bytes)
{
	if (t->count > 0 && bytes < 9u * (u32)t->count)
		((char *)t->entries)[bytes] = 0;
//^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

// What is assumed is the count at entry: it does not grow with the member.
int count_raised(struct tlv *t, u32 i)
{
	t->len = 1000;
	return i < t->len ? t->data[i] : 0;
 //                  ^^^^^^^^^^ refuted[valid-read] i < 1000
}

int count_lowered(struct tlv *t, u32 i)
{
	if (t->len > 8)
		t->len = 8;
	return i < t->len ? t->data[i] : 0;
}

// A counted pointer may be null where nothing is counted, and needs no test where something is.
int item(struct vector *v, int i)
{
	if (i >= 0 && i < v->used)
		return v->items[i];
	return 0;
}

int item_unguarded(struct vector *v)
{
	return *v->items;
 //     ^^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^^ refuted[valid-read] v->used == 0
}

void fill(struct vector *v)
{
	for (u8 i = 0; i < v->used; i++)
		v->items[i] = i;
}

// The program's own pointer has the room that the program gave it.
int replaced(struct vector *v, int i)
{
	int own[4] = { 1, 2, 3, 4 };

	v->items = own;
	return i >= 0 && i < v->used ? v->items[i] : 0;
 //                             ^^^^^^^^^^^ refuted[valid-read] i >= 4 && i < v->used
}

int nested(struct message *m, u32 i)
{
	if (i < m->parts[1].used)
		return m->parts[1].items[i];
	if (i < m->body.len)
		return m->body.data[i];
	return 0;
}

// The count of another part.
int crossed(struct message *m, u32 i)
{
	return i < m->parts[0].used ? m->parts[1].items[i] : 0;
 //                            ^^^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //                            ^^^^^^^^^^^^^^^^^^^^ refuted[valid-read] i < m->parts[0].used
}

u32 bit_field(struct grouped *g, u32 i)
{
	return i < g->wide ? g->values[i] : 0;
}

void *malloc(unsigned long);
void free(void *);

// An object that the program makes has the room that it was made with.
int made(u32 n, u32 i)
{
	struct tlv *t = malloc(sizeof(struct tlv) + 4);

	if (!t)
		return 0;
	t->len = n;
	t->data[0] = 0;
	if (i < t->len && i < 4)
		t->data[i] = 1;
	if (i < t->len)
		t->data[i] = 1;
//^^^^^^^^^^ refuted[valid-write] i >= 4 && i < n
	free(t);
	return 1;
}

// A record by value is its members: there is no room behind it.
int by_value(struct tlv t)
{
	return t.len > 0 ? t.data[0] : 0;
 //                 ^^^^^^^^^ refuted[valid-read]
 //                 ^^^^^^^^^ unreachable[initialized]
}

void of_unknown_type(void *p, u32 i)
{
	struct tlv *t = p;

	if (i < t->len)
		t->data[i] = 0;
}

// Not behind the start of what the pointer leads to.
int shifted(void *p, u32 i)
{
	struct tlv *t = (struct tlv *)((char *)p + 4);

	return i < t->len ? t->data[i] : 0;
 //         ^^^^^^ refuted[valid-read]
 //                  ^^^^^^^^^^ refuted[valid-read]
}
// summary: bit_field: 4 proved
// summary: by_value: 1 proved, 1 refuted, 1 unreachable
// summary: clear: 6 proved
// summary: clear_too_far: 5 proved, 1 refuted
// summary: count_lowered: 8 proved
// summary: count_raised: 5 proved, 1 refuted
// summary: crossed: 6 proved, 2 refuted
// summary: fill: 7 proved
// summary: first: 1 proved, 1 refuted
// summary: get: 4 proved
// summary: get_one_more: 3 proved, 1 refuted
// summary: item: 6 proved
// summary: item_unguarded: 2 proved, 2 refuted
// summary: made: 21 proved, 1 refuted
// summary: middle: 3 proved, 1 refuted
// summary: nested: 12 proved
// summary: of_unknown_type: 4 proved
// summary: replaced: 9 proved, 1 refuted
// summary: shifted: 2 proved, 2 refuted
// summary: sum: 5 proved
