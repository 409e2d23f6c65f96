// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damage a kexec handover, for tests of what the next kernel makes of it.
 *
 * Loaded once a handover is active, writes to the handover FDT, the memory
 * table and the bits of its chunks, where the next kernel reads them, what it is
 * ordered to, or what follows from a seed, and corrects the checksums if told to.
 *
 * What is written at the jump only, the table of sessions, is damaged then.
 *
 * An order is written to the parameter "order". WHERE in it is one of the places
 * below, or a property: /name, or /node/name, with its header from offset -12 on.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/crc32.h>
#include <linux/io.h>
#include <linux/libfdt.h>
#include <linux/liveupdate_node.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "../kernel/kexec_kho_fdt.h"

static unsigned long long window;
module_param(window, ullong, 0444);
MODULE_PARM_DESC(window, "where the FDT is, as /sys/kernel/kho/fdt_start has it");

/* Random damage is done to the first ones, which have everything */
enum place_id {
	PLACE_FDT, PLACE_TABLE, PLACE_BITS,
	PLACES_RANDOM,
	PLACE_STRUCT = PLACES_RANDOM, PLACE_STRINGS,
	PLACE_ROOM, PLACE_CHUNK,
	PLACES,
};

/**
 * struct place - memory that an order can name
 * @name:  its name
 * @bytes: bytes in it
 * @piece: where it is, piece by piece
 * @nr:    number of pieces
 */
struct place {
	const char *name;
	size_t bytes;
	struct kho_mem *piece;
	unsigned int nr;
};

static struct place places[PLACES] = {
	[PLACE_FDT]	= { "fdt" },
	[PLACE_TABLE]	= { "table" },
	[PLACE_BITS]	= { "bits" },
	[PLACE_STRUCT]	= { "struct" },
	[PLACE_STRINGS]	= { "strings" },
	[PLACE_ROOM]	= { "room" },	/* the table's first part, to the end of its page */
	[PLACE_CHUNK]	= { "chunk" },	/* the first, its entry */
};

/* The FDT as it was: this one can always be read */
static void *pristine;

static int add_piece(enum place_id id, u64 addr, u64 len)
{
	struct place *place = &places[id];
	struct kho_mem *more;

	more = krealloc_array(place->piece, place->nr + 1, sizeof(*more),
			      GFP_KERNEL);
	if (!more)
		return -ENOMEM;

	more[place->nr++] = (struct kho_mem){ .addr = addr, .len = len };
	place->piece = more;
	place->bytes += len;
	return 0;
}

static void *at_piece(const struct place *place, size_t offset, size_t len)
{
	unsigned int i;

	for (i = 0; i < place->nr; i++) {
		const struct kho_mem *mem = &place->piece[i];

		if (offset < mem->len)
			return len <= mem->len - offset ?
				phys_to_virt(mem->addr) + offset : NULL;
		offset -= mem->len;
	}
	return NULL;
}

/* Which one of the live FDT it is, the pristine one tells */
static void *at_prop(const char *path, long offset, size_t len)
{
	const char *name = strrchr(path, '/') + 1;
	const char *prop;
	char node[32];
	int at = 0, bytes;

	snprintf(node, sizeof(node), "%.*s", (int)(name - path - 2), path + 1);
	if (name > path + 1)
		at = fdt_subnode_offset(pristine, 0, node);
	prop = at < 0 ? NULL : fdt_getprop(pristine, at, name, &bytes);
	if (!prop || offset < -(long)sizeof(struct fdt_property) ||
	    offset + (long)len > ALIGN(bytes, FDT_TAGSIZE))
		return NULL;
	return phys_to_virt(window) + (prop - (char *)pristine) + offset;
}

static void *locate(const char *where, const char *number, size_t len)
{
	unsigned int i;
	void *p = NULL;
	long offset;

	if (kstrtol(number, 0, &offset))
		return NULL;
	if (*where == '/')
		p = at_prop(where, offset, len);
	for (i = 0; !p && i < PLACES; i++)
		if (!strcmp(where, places[i].name))
			p = at_piece(&places[i], offset, len);
	if (!p)
		pr_err("ERROR: there are no %zu bytes at %s %ld\n", len, where,
		       offset);
	return p;
}

static int flip(char **arg)
{
	u8 *p = locate(arg[0], arg[1], 1);
	u8 bit;

	if (!p || kstrtou8(arg[2], 0, &bit) || bit > 7)
		return -EINVAL;
	*p ^= 1 << bit;
	return 0;
}

static int put(char **arg)
{
	u64 value;
	u8 size;
	void *p;

	if (kstrtou8(arg[2], 0, &size) || kstrtou64(arg[3], 0, &value))
		return -EINVAL;
	p = locate(arg[0], arg[1], size);
	if (!p || (size != 4 && size != 8))
		return -EINVAL;

	if (size == 4)
		put_unaligned_be32(value, p);
	else
		put_unaligned_be64(value, p);
	return 0;
}

static int swap_words(char **arg)
{
	unsigned int size;
	u8 *a, *b;

	if (kstrtouint(arg[3], 0, &size))
		return -EINVAL;
	a = locate(arg[0], arg[1], size);
	b = locate(arg[0], arg[2], size);
	if (!a || !b)
		return -EINVAL;

	for (; size--; a++, b++)
		swap(*a, *b);
	return 0;
}

static int copy(char **arg)
{
	unsigned int size;
	void *to, *from;

	if (kstrtouint(arg[4], 0, &size))
		return -EINVAL;
	to = locate(arg[0], arg[1], size);
	from = locate(arg[2], arg[3], size);
	if (!to || !from)
		return -EINVAL;

	memmove(to, from, size);
	return 0;
}

/*
 * The checksums that a reader would find
 */

static u32 zip_crc(u32 crc, const void *p, size_t len)
{
	return ~crc32_le(~crc, p, len);
}

/* What cannot be read here is refused by a reader before it comes to checksums */
static u32 crc_at(u32 crc, u64 phys, u64 len)
{
	u8 buf[64];

	for (; len; phys += min(len, sizeof(buf)), len -= min(len, sizeof(buf))) {
		size_t n = min(len, sizeof(buf));

		if (copy_from_kernel_nofault(buf, phys_to_virt(phys), n))
			break;
		crc = zip_crc(crc, buf, n);
	}
	return crc;
}

static u32 crc_bits(u32 crc, const struct kho_mem *part)
{
	struct kho_entry e;
	u64 i, shift;

	for (i = 0; i + sizeof(e) <= part->len; i += sizeof(e)) {
		if (copy_from_kernel_nofault(&e, phys_to_virt(part->addr + i),
					     sizeof(e)))
			break;
		shift = be32_to_cpu(e.shift);
		if (be32_to_cpu(e.type) == KHO_ENTRY_BITMAP &&
		    shift <= KHO_MAX_BITMAP_SHIFT)
			crc = crc_at(crc, be64_to_cpu(e.bitmap), BIT_ULL(shift));
	}
	return crc;
}

static void seal_table(void)
{
	void *cells = locate("/" KHO_ROOT_MEM_TABLE, "0", 0);
	void *to = locate("/" KHO_ROOT_MEM_TABLE_CHECKSUM, "0", sizeof(u32));
	unsigned int i, nr;
	u32 crc = 0;
	int len;

	fdt_getprop(pristine, 0, KHO_ROOT_MEM_TABLE, &len);
	nr = min_t(u32, len, get_unaligned_be32(cells - 8)) / sizeof(struct kho_mem);

	/* First the bits, then the parts */
	for (i = 0; i < 2 * nr; i++) {
		const void *cell = cells + i % nr * sizeof(struct kho_mem);
		struct kho_mem part = {
			.addr = get_unaligned_be64(cell),
			.len = get_unaligned_be64(cell + 8),
		};

		/* No table of a test is that long */
		if (part.len > SZ_16M)
			return;
		crc = i < nr ? crc_bits(crc, &part) :
			       crc_at(crc, part.addr, part.len);
	}
	put_unaligned_be32(crc, to);
}

static void seal_fdt(void)
{
	void *fdt = phys_to_virt(window);
	void *to = locate("/" KHO_ROOT_CHECKSUM, "0", sizeof(u32));

	put_unaligned_be32(0, to);
	/* With another length there is no right one */
	if (fdt_totalsize(fdt) <= fdt_totalsize(pristine))
		put_unaligned_be32(zip_crc(0, fdt, fdt_totalsize(fdt)), to);
}

static int seal(char **arg)
{
	if (!strcmp(arg[0], "all"))
		seal_table();
	else if (strcmp(arg[0], "fdt"))
		return -EINVAL;
	seal_fdt();
	return 0;
}

/*
 * Random damage: orders that are in the log, so that each can be given again
 */

static u32 digest(void)
{
	enum place_id id;
	unsigned int i;
	u32 crc = 0;

	for (id = 0; id < PLACES_RANDOM; id++)
		for (i = 0; i < places[id].nr; i++)
			crc = crc_at(crc, places[id].piece[i].addr,
				     places[id].piece[i].len);
	return crc;
}

/* A few of many more that are worth a try */
static u64 odd_value(struct rnd_state *rnd)
{
	u64 bits = prandom_u32_state(rnd);

	switch (prandom_u32_state(rnd) % 5) {
	case 0:
		return BIT_ULL(bits % 64);
	case 1:
		return ~0ULL << bits % 64;
	case 2:
		return PFN_PHYS(bits % get_num_physpages());
	case 3:
		return bits % 64;
	default:
		return bits << 32 | prandom_u32_state(rnd);
	}
}

static int obey(const char *text);

static int random_order(struct rnd_state *rnd, const struct place *place)
{
	u32 size = prandom_u32_state(rnd) % 2 ? 4 : 8, a, b;
	char text[80];

	a = ALIGN_DOWN(prandom_u32_state(rnd) % (place->bytes - 7), 4);
	b = ALIGN_DOWN(prandom_u32_state(rnd) % (place->bytes - 7), 4);
	switch (prandom_u32_state(rnd) % 4) {
	case 0:
		snprintf(text, sizeof(text), "flip %s %u %u", place->name,
			 a + b % 4, prandom_u32_state(rnd) % 8);
		break;
	case 1:
		snprintf(text, sizeof(text), "put %s %u %u %#llx", place->name,
			 a, size, odd_value(rnd) & (size == 4 ? U32_MAX : U64_MAX));
		break;
	case 2:
		snprintf(text, sizeof(text), "swap %s %u %u 4", place->name, a, b);
		break;
	default:
		snprintf(text, sizeof(text), "copy %s %u %s %u 4", place->name, a,
			 place->name, b);
	}
	return obey(text);
}

/* One to three orders, that together change something, in one place */
static int random_damage(char **arg)
{
	u32 before = digest(), seed, nr, i;
	const struct place *place;
	struct rnd_state rnd;
	int err = 0;

	if (kstrtou32(arg[0], 0, &seed))
		return -EINVAL;
	prandom_seed_state(&rnd, seed);
	nr = 1 + prandom_u32_state(&rnd) % 3;
	place = &places[prandom_u32_state(&rnd) % PLACES_RANDOM];
	/* There may be neither table nor bits */
	if (!place->bytes)
		place = &places[PLACE_FDT];
	for (i = 0; !err && i < 100 && (i < nr || digest() == before); i++)
		err = random_order(&rnd, place);
	return err;
}

static const struct {
	const char *name;
	int args;
	int (*fn)(char **arg);
	const char *usage;
} orders[] = {
	{ "flip", 3, flip, "WHERE OFFSET BIT" },
	{ "put", 4, put, "WHERE OFFSET SIZE VALUE" },
	{ "swap", 4, swap_words, "WHERE OFFSET OFFSET SIZE" },
	{ "copy", 5, copy, "WHERE OFFSET WHERE OFFSET SIZE" },
	{ "seal", 1, seal, "fdt|all" },
	{ "random", 1, random_damage, "SEED" },
};

static int obey(const char *text)
{
	int argc, i, err = -EINVAL;
	char **argv;

	argv = argv_split(GFP_KERNEL, text, &argc);
	if (!argv)
		return -ENOMEM;

	pr_info("%s\n", text);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		if (argc < 1 || strcmp(argv[0], orders[i].name))
			continue;
		err = argc == orders[i].args + 1 ? orders[i].fn(argv + 1) : -EINVAL;
		if (err)
			pr_err("ERROR: usage: %s %s\n", orders[i].name,
			       orders[i].usage);
	}
	argv_free(argv);
	return err;
}

static int set_order(const char *text, const struct kernel_param *kp)
{
	return pristine ? obey(text) : -ENODEV;
}

/*
 * Sessions, see kernel/kexec_luo_out.c
 */

static int luo_at = -1;
module_param(luo_at, int, 0444);
MODULE_PARM_DESC(luo_at, "flip a bit of this byte of the table of sessions, at the jump");

/* The table is a vmalloc area: a page of addresses, of which the first is that of the next */
static u8 *find_luo(const void *fdt, unsigned int at)
{
	int node = fdt_subnode_offset(fdt, 0, LUO_NODE), len;
	const struct kho_vmalloc *kv = node < 0 ? NULL : fdt_getprop(fdt, node, "table", &len);
	const __be64 *list;

	if (!kv || at >= be32_to_cpu(kv->pages) << PAGE_SHIFT)
		return NULL;
	list = phys_to_virt(be64_to_cpu(kv->first));
	return phys_to_virt(be64_to_cpu(list[1 + at / PAGE_SIZE])) + at % PAGE_SIZE;
}

static int luo_notify(struct notifier_block *nb, unsigned long event, void *fdt)
{
	u8 *p = event == KEXEC_KHO_JUMP ? find_luo(phys_to_virt(window), luo_at) : NULL;

	if (p)
		*p ^= 1;
	return NOTIFY_DONE;
}

/* After all that write it */
static struct notifier_block luo_nb = {
	.notifier_call = luo_notify,
	.priority = INT_MIN,
};

static const struct kernel_param_ops order_ops = {
	.set = set_order,
};

module_param_cb(order, &order_ops, NULL, 0200);
MODULE_PARM_DESC(order, "flip, put, swap, copy, seal or random");

static int find_bits(const struct kho_entry *e)
{
	int err;

	if (be32_to_cpu(e->type) != KHO_ENTRY_BITMAP)
		return 0;
	err = add_piece(PLACE_BITS, be64_to_cpu(e->bitmap),
			BIT_ULL(be32_to_cpu(e->shift)));
	if (!err && !places[PLACE_CHUNK].nr)
		err = add_piece(PLACE_CHUNK, virt_to_phys((void *)e), sizeof(*e));
	return err;
}

static int find_table(void)
{
	const struct kho_entry *e, *last;
	const void *cells;
	int len, i, err = 0;

	cells = fdt_getprop(pristine, 0, KHO_ROOT_MEM_TABLE, &len);
	if (!cells)
		return -EINVAL;

	for (i = 0; !err && i < len; i += sizeof(struct kho_mem)) {
		u64 addr = get_unaligned_be64(cells + i);
		u64 bytes = get_unaligned_be64(cells + i + 8);

		e = phys_to_virt(addr);
		last = phys_to_virt(addr + bytes);
		err = add_piece(PLACE_TABLE, addr, bytes) ?:
		      i ? 0 : add_piece(PLACE_ROOM, addr, PAGE_ALIGN(bytes));
		for (; !err && e < last; e++)
			err = find_bits(e);
	}
	return err;
}

static int find_fdt(void)
{
	const void *fdt = phys_to_virt(window);

	if (fdt_magic(fdt) != FDT_MAGIC) {
		pr_err("no handover is active at %#llx\n", window);
		return -ENODEV;
	}

	pristine = kmemdup(fdt, fdt_totalsize(fdt), GFP_KERNEL);
	if (!pristine)
		return -ENOMEM;
	return add_piece(PLACE_FDT, window, fdt_totalsize(fdt)) ?:
	       add_piece(PLACE_STRUCT, window + fdt_off_dt_struct(fdt),
			 fdt_size_dt_struct(fdt)) ?:
	       add_piece(PLACE_STRINGS, window + fdt_off_dt_strings(fdt),
			 fdt_size_dt_strings(fdt));
}

static void forget_all(void)
{
	enum place_id id;

	for (id = 0; id < PLACES; id++)
		kfree(places[id].piece);
	kfree(pristine);
	pristine = NULL;
}

static int __init damage_init(void)
{
	int err = find_fdt() ?: find_table();

	/* That aborts the handover, and the jump makes another in the same place */
	if (!err && luo_at >= 0)
		err = register_kho_notifier(&luo_nb);
	if (err)
		forget_all();
	return err;
}

static void __exit damage_exit(void)
{
	if (luo_at >= 0)
		unregister_kho_notifier(&luo_nb);
	forget_all();
}

module_init(damage_init);
module_exit(damage_exit);

MODULE_DESCRIPTION("Damage a kexec handover, for tests");
MODULE_LICENSE("GPL");
