// Pointers of the caller lead to separate objects, but for those that the code compares: what it does where they are equal was
// "unreachable" once, and `list_empty` never true.
// test: verify
struct list_head {
	struct list_head *next, *prev;
};
struct queue {
	int count;
	struct list_head items;
	int (*run)(void);
};
struct item {
	int value;
	struct list_head list;
};
static const int table[2];

static inline int list_empty(const struct list_head *head)
{
	return head->next == head;
}

int empty(struct queue *q)
{
	if (list_empty(&q->items))
		return table[5];
  //     ^^^^^^^^ refuted[index-upper-bound]
	return 0;
}

int as_value(struct queue *q)
{
	return table[list_empty(&q->items) * 2];
 //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[index-upper-bound]
}

int after_walk(struct queue *q)
{
	int seen = 0;

	for (struct list_head *p = q->items.next; p != &q->items && seen < 2; p = p->next)
		seen++;
	return seen == 1 ? table[seen * 2] : 0;
 //                 ^^^^^^^^^^^^^^^ refuted[index-upper-bound] seen == 1
}

static int by_default(void)
{
	return 1;
}

int function(struct queue *q)
{
	return q->run == by_default ? table[2] : 0;
 //                            ^^^^^^^^ refuted[index-upper-bound]
}

int other_item(struct item *a, struct item *b)
{
	return a->list.next == &b->list ? table[2] : 0;
 //                                ^^^^^^^^ refuted[index-upper-bound]
}

int parameters(const int *a, const int *b)
{
	return a == b ? table[2] : 0;
 //              ^^^^^^^^ refuted[index-upper-bound]
}

static struct list_head all;
static int current_value;

int variable(const int *p)
{
	return p == &current_value ? table[2] : 0;
 //                           ^^^^^^^^ refuted[index-upper-bound]
}

int empty_variable(void)
{
	return list_empty(&all) ? table[2] : 0;
 //                        ^^^^^^^^ refuted[index-upper-bound]
}

struct queue *first(void);

int of_calls(void)
{
	return first() == first() ? table[2] : 0;
 //                          ^^^^^^^^ refuted[index-upper-bound]
}

void keep(int *value);
int *kept(void);

int handed_out(void)
{
	int value = 0;

	keep(&value);
	return kept() == &value ? table[2] : 0;
 //                        ^^^^^^^^ unknown[index-upper-bound]
}

int overlapping(char *to, const char *from, unsigned long n)
{
	return to < from + n && from < to + n ? table[2] : 0;
 //                                      ^^^^^^^^ refuted[index-upper-bound] n >= 1
}

// Two of one's own are two.
int own(void)
{
	int a = 0, b = 0;

	return &a == &b ? table[2] : 0;
 //                ^^^^^^^^ unreachable[index-upper-bound]
}

// Either way nothing is wrong.
int either(struct queue *q)
{
	return table[list_empty(&q->items)];
}

// The same comparison has one outcome.
int twice(const int *a, const int *b)
{
	int same = a == b;

	return same == (b == a) ? 0 : table[2];
 //                            ^^^^^^^^ unreachable[index-upper-bound]
}
// summary: after_walk: 9 proved, 1 refuted
// summary: as_value: 2 proved, 1 refuted
// summary: either: 2 proved
// summary: empty: 1 refuted
// summary: empty_variable: 1 refuted
// summary: function: 2 proved, 1 refuted
// summary: handed_out: 1 unknown
// summary: list_empty: 2 proved
// summary: of_calls: 1 refuted
// summary: other_item: 2 proved, 1 refuted
// summary: overlapping: 1 refuted
// summary: own: 1 unreachable
// summary: parameters: 1 refuted
// summary: twice: 1 unreachable
// summary: variable: 1 refuted
