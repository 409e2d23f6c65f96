// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the mutations of a blob that leave it an FDT, or nearly so, and make its
 * checksum right: what is damaged at random never gets past that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sanitizer/asan_interface.h>
#include <linux/crc32.h>
#include <linux/align.h>
#include <linux/kernel.h>
#include <linux/libfdt.h>
#include <linux/string.h>

#include "kernel/kexec_kho_fdt.h"
#include "mutate.h"

static u32 crc_table[256];

static void __attribute__((constructor)) make_crc_table(void)
{
	u32 i, bit, crc;

	for (i = 0; i < 256; i++) {
		for (crc = i, bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
		crc_table[i] = crc;
	}
}

/* A byte at a time will do: what is tested is what it is taken of */
u32 fast crc32_le(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;

	must(!__asan_region_is_poisoned((void *)data, len));
	for (; len; len--)
		crc = crc >> 8 ^ crc_table[(u8)crc ^ *p++];
	return crc;
}

void __wrap___sanitizer_cov_trace_pc(void);

void broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
	abort();
}

/* What became of an input, for who replays some */
void tell(const char *status)
{
	if (getenv("KHO_FUZZ_VERBOSE"))
		fprintf(stderr, "status: %s\n", status);
}

unsigned long steps;
static unsigned long steps_end;

/**
 * limit_steps() - begin to count, and let what takes long be a finding
 * @max: so many steps are too many; 0 for no limit
 */
void limit_steps(unsigned long max)
{
	steps = 0;
	steps_end = max;
}

void fast __wrap___sanitizer_cov_trace_pc(void)
{
	if (++steps == steps_end)
		broken("this ends", __FILE__, __LINE__);
}

static u64 random_state = 1;

void seed_random(u64 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

static u64 random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dULL;
}

u32 random_below(u32 end)
{
	return (random64() >> 33) % end;
}

u64 random_number(const struct hints *hints)
{
	static const u64 usual[] = {
		0, 1, 4, 8, 32, 0x1000, 0x10000, 0x200000, 0x4000000, 1ULL << 34,
		1ULL << 40, -1ULL, -0x1000ULL, 1ULL << 63, 0xffffffff, 0x7fffffff,
	};

	if (hints->nr && random_below(3))
		return hints->val[random_below(hints->nr)];
	if (random_below(8))
		return usual[random_below(ARRAY_SIZE(usual))];
	return random64();
}

u64 near_number(u64 val)
{
	static const u64 steps[] = {
		1, 4, 8, 16, 32, 0x800, 0x1000, 0x2000, 0x10000, 0x200000, 0x4000000,
	};
	u64 step = steps[random_below(ARRAY_SIZE(steps))];

	return random_below(2) ? val + step : val - step;
}

/* One of these cells of 32 bits, or two together */
void mutate_cells(void *p, unsigned int cells, const struct hints *hints)
{
	unsigned int i = random_below(cells);
	bool is_long = i + 1 < cells && random_below(4);
	u64 val;

	if (is_long)
		i &= ~1;
	p += i * sizeof(fdt32_t);
	val = is_long ? fdt64_ld(p) : fdt32_ld(p);
	switch (random_below(4)) {
	case 0:
		val = random_number(hints);
		break;
	case 1:
		val = near_number(random_number(hints));
		break;
	case 2:
		val = near_number(val);
		break;
	default:
		val ^= 1ULL << random_below(is_long ? 64 : 32);
	}
	if (is_long)
		fdt64_st(p, val);
	else
		fdt32_st(p, val);
}

/* Offset of the checksum's value, or 0 */
static size_t find_crc(const u8 *fdt, size_t size)
{
	struct kho_why why;
	const void *prop;
	int len;

	if (kho_fdt_check_tree(fdt, size, &why))
		return 0;
	prop = fdt_getprop(fdt, 0, KHO_ROOT_CHECKSUM, &len);
	return prop && len == sizeof(u32) ? prop - (void *)fdt : 0;
}

static void set_crc(u8 *fdt, size_t size, size_t at)
{
	size_t end;

	if (!at || at + sizeof(u32) > size)
		return;
	end = min_t(size_t, fdt_totalsize(fdt), size);
	if (end < at + sizeof(u32))
		return;
	fdt32_st(fdt + at, 0);
	fdt32_st(fdt + at, kho_crc(0, fdt, end));
}

void fix_fdt_crc(u8 *fdt, size_t size)
{
	set_crc(fdt, size, find_crc(fdt, size));
}

/* As libfdt's sequential write leaves it */
bool is_written(const void *fdt)
{
	return fdt_off_mem_rsvmap(fdt) == 40 && !fdt_num_mem_rsv(fdt) &&
	       fdt_off_dt_struct(fdt) >= 56 &&
	       fdt_off_dt_strings(fdt) >= fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt) &&
	       fdt_totalsize(fdt) >= fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt);
}

/* Any node but the root, or a negative number */
static int random_node(const void *fdt)
{
	int node = -1, found = -1, seen = 0;

	while ((node = fdt_next_node(fdt, node, NULL)) >= 0)
		if (node && !random_below(++seen))
			found = node;
	return found;
}

static int random_prop(const void *fdt, int node)
{
	int prop, found = -1, seen = 0;

	fdt_for_each_property_offset(prop, fdt, node)
		if (!random_below(++seen))
			found = prop;
	return found;
}

static void *prop_value(const void *fdt, int prop, const char **name, int *len)
{
	return (void *)fdt_getprop_by_offset(fdt, prop, name, len);
}

/* A value of another length, or other bytes of it */
static void mutate_value(void *fdt, int node, int prop)
{
	u8 data[1024] = { };
	const char *name;
	char copy[64];
	void *value;
	int len;

	value = prop_value(fdt, prop, &name, &len);
	if (!value || len > (int)sizeof(data))
		return;
	memcpy(data, value, len);
	snprintf(copy, sizeof(copy), "%s", name);
	len = LLVMFuzzerMutate(data, len, sizeof(data));
	fdt_setprop(fdt, node, copy, data, len);
}

/* Ranges are added, left out and changed for each other */
static void mutate_ranges(void *fdt, int node, const char *name,
			  const struct hints *hints)
{
	fdt64_t cells[64];
	int len, nr, i, j;
	const void *value;

	value = fdt_getprop(fdt, node, name, &len);
	if (!value)
		len = 0;
	if (len > (int)sizeof(cells) - 16)
		return;
	if (len)
		memcpy(cells, value, len);
	nr = len / 16;
	i = nr ? random_below(nr) : 0;
	j = nr ? random_below(nr) : 0;
	switch (random_below(nr ? 4 : 1)) {
	case 0:
		cells[2 * nr] = cpu_to_fdt64(random_number(hints));
		cells[2 * nr + 1] = cpu_to_fdt64(0x1000 << random_below(8));
		nr++;
		break;
	case 1:
		cells[2 * nr] = cells[2 * i];
		cells[2 * nr + 1] = cells[2 * j + 1];
		nr++;
		break;
	case 2:
		nr--;
		cells[2 * i] = cells[2 * nr];
		cells[2 * i + 1] = cells[2 * nr + 1];
		break;
	default:
		cells[2 * nr] = cells[2 * i];
		cells[2 * i] = cells[2 * j];
		cells[2 * j] = cells[2 * nr];
	}
	fdt_setprop(fdt, node, name, cells, nr * 16);
}

static void mutate_name(void *fdt, int node)
{
	static const char *const names[] = {
		"node", "ftrace", "reserve-mem", "region-0", ".", "..", "a/b", "",
		"a-name-that-has-more-characters-than-any-name-may-have-in-here-1",
	};

	fdt_set_name(fdt, node, names[random_below(ARRAY_SIZE(names))]);
}

static void mutate_compatible(void *fdt)
{
	static const char formats[][32] = {
		KHO_ROOT_COMPATIBLE, "kho-v1", "kho-v2", "kho-v3", "kho-v4",
		"linux,kho-v2\0" KHO_ROOT_COMPATIBLE, "linux,kho-v10", "linux,kho-v",
	};

	fdt_setprop(fdt, 0, "compatible", formats[random_below(ARRAY_SIZE(formats))],
		    1 + random_below(sizeof(formats[0])));
}

static void add_node(void *fdt)
{
	int parent = random_below(2) ? 0 : random_node(fdt), node;
	char name[16];

	snprintf(name, sizeof(name), "n%u", random_below(1000));
	node = fdt_add_subnode(fdt, parent < 0 ? 0 : parent, name);
	if (node > 0)
		fdt_setprop_string(fdt, node, "compatible", "linux,test");
}

/* With the structure good before and after */
static void mutate_tree(void *fdt, const struct hints *hints)
{
	static const char *const lists[] = { KHO_ROOT_MEM_TABLE, KHO_ROOT_SCRATCH };
	int node = random_below(2) ? 0 : random_node(fdt), prop, len;
	void *value;

	if (node < 0)
		node = 0;
	prop = random_prop(fdt, node);
	switch (random_below(12)) {
	case 0:
		if (prop >= 0)
			mutate_value(fdt, node, prop);
		break;
	case 1:
		if (node)
			fdt_del_node(fdt, node);
		break;
	case 2:
		add_node(fdt);
		break;
	case 3:
		if (node)
			mutate_name(fdt, node);
		break;
	case 4:
		if (!random_below(8))
			mutate_compatible(fdt);
		break;
	case 5:
		mutate_ranges(fdt, 0, lists[random_below(2)], hints);
		break;
	case 6:
	case 7:
		mutate_ranges(fdt, max(random_node(fdt), 0), KHO_PROP_MEM, hints);
		break;
	default:
		value = prop < 0 ? NULL : prop_value(fdt, prop, NULL, &len);
		if (value && len >= (int)sizeof(u32))
			mutate_cells(value, len / sizeof(u32), hints);
	}
}

/* A tag, a length, the offset of a name, or a field of the header */
static void mutate_structure(u8 *fdt, size_t size, const struct hints *hints)
{
	size_t at = random_below(4) ? fdt_off_dt_struct(fdt) : 0;

	if (at > size || size - at < sizeof(u32))
		at = 0;
	if (random_below(4)) {
		mutate_cells(fdt + at, (size - at) / sizeof(u32), hints);
		return;
	}
	at += ALIGN_DOWN(random_below(size - at), sizeof(u32));
	if (at + sizeof(u32) <= size)
		fdt32_st(fdt + at, random_below(11));
}

/**
 * mutate_fdt() - make a blob another
 * @fdt:   the blob, at an address that is a multiple of eight
 * @size:  its bytes
 * @max:   bytes that may be used there
 * @hints: numbers to put into it
 *
 * Return: how many bytes it has now.
 */
size_t mutate_fdt(u8 *fdt, size_t size, size_t max, const struct hints *hints)
{
	static u8 tree[KHO_FDT_MAX] __aligned(8);
	size_t crc = find_crc(fdt, size);

	max = min(max, sizeof(tree));
	if (!crc || max < 64 || !random_below(32)) {
		size = LLVMFuzzerMutate(fdt, size, max);
		fix_fdt_crc(fdt, size);
		return size;
	}
	if (!random_below(24)) {
		mutate_structure(fdt, size, hints);
		set_crc(fdt, size, crc);
		return size;
	}

	if (!is_written(fdt) || fdt_open_into(fdt, tree, max))
		return size;
	do {
		mutate_tree(tree, hints);
	} while (!random_below(3));
	fdt_pack(tree);
	fix_fdt_crc(tree, max);
	memcpy(fdt, tree, fdt_totalsize(tree));
	return fdt_totalsize(tree);
}
