// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns drivers, good and bad, that take what was handed over from
 * kernel/kexec_kho_in.c, and the struct pages that show whether each page is had
 * by one of them at a time.
 */
#include <stdlib.h>
#include <sanitizer/asan_interface.h>

#include "kernel/kexec_kho_in.c"
#include "kernel/kexec_kho_in_sysfs.c"

#include "machine.h"
#include "mutate.h"
#include "use.h"

struct page mem_map[FRAMES];

enum state {
	NOT_KEPT,
	WAITS,
	TAKEN,
	PINNED,
	FREE,
};

static u8 state[FRAMES];

/* What kernel/kexec_kho_in.c asks of the page allocator */

static u64 page_phys(const struct page *page)
{
	must(page >= mem_map && page < mem_map + (RAM_SIZE >> PAGE_SHIFT));
	return PFN_PHYS(page_to_pfn(page));
}

static enum state state_of(const struct page *page)
{
	page_phys(page);
	return state[page - mem_map];
}

/* It was preserved, and nobody has it or has had it */
static void take(struct page *page)
{
	must(state_of(page) == WAITS);
	state[page - mem_map] = TAKEN;
	page->count = 0;
	page->order = 0;
}

/* Who still looks at it is found out */
static void free_one(struct page *page)
{
	state[page - mem_map] = FREE;
	page->count = 0;
	__asan_poison_memory_region((void *)page_phys(page), PAGE_SIZE);
}

void adopt_reserved_folio(struct page *page, unsigned int order)
{
	unsigned long i;

	must(order <= MAX_PAGE_ORDER);
	must(IS_ALIGNED(page_to_pfn(page), 1UL << order));
	for (i = 0; i < 1UL << order; i++)
		take(page + i);
	page->count = 1;
	page->order = order;
}

/* Each has the reference that it was initialised with */
void adopt_reserved_pages(struct page *page, unsigned long nr)
{
	must(nr);
	while (nr--) {
		take(page + nr);
		page[nr].count = 1;
	}
}

void refresh_memory_limits(void)
{
}

void __free_page(struct page *page)
{
	must(state_of(page) == TAKEN && page->count == 1 && !page->order);
	free_one(page);
}

void free_reserved_page(struct page *page)
{
	take(page);
	free_one(page);
}

void free_page(unsigned long addr)
{
	if (!addr)
		return;
	must(PAGE_ALIGNED(addr));
	__free_page(pfn_to_page(PHYS_PFN(addr)));
}

/* There is one at a time, at an address that nobody looks at */
static struct vm_struct vm_area = { .addr = &vm_area };

struct vm_struct *get_vm_area(unsigned long size, unsigned long flags)
{
	return random_below(8) ? &vm_area : NULL;
}

int vmap_page_range(unsigned long addr, unsigned long end, u64 phys, int prot)
{
	must(end - addr == PAGE_SIZE);
	must(state_of(pfn_to_page(PHYS_PFN(phys))) == WAITS);
	return random_below(64) ? 0 : -ENOMEM;
}

void vunmap(const void *area)
{
	must(area == vm_area.addr);
}

void *kvmalloc_array(size_t nr, size_t size, gfp_t gfp)
{
	return random_below(16) ? calloc(nr, size) : NULL;
}

void kvfree(const void *p)
{
	free((void *)p);
}

/* Drivers */

static u64 some_page(void)
{
	const struct kho_extent *x;
	unsigned long page, first, last;

	if (!kho_in.extents || !random_below(16))
		return near_number(RAM_BASE + random_below(RAM_SIZE));
	x = &kho_in.extent[random_below(kho_in.extents)];
	first = PHYS_PFN(max(x->mem.addr, RAM_BASE));
	last = PHYS_PFN(min(x->mem.addr + x->mem.len, RAM_END));
	page = first + random_below(last - first);
	if (x->kept) {
		first = page - PHYS_PFN(x->mem.addr);
		last -= PHYS_PFN(x->mem.addr);
		first = find_next_bit(x->kept, last, first);
		if (first < last)
			page = PHYS_PFN(x->mem.addr) + first;
	}
	return PFN_PHYS((u64)page);
}

static struct kho_mem some_mem(void)
{
	struct kho_mem mem = { some_page(), PAGE_SIZE };

	if (kho_in.listings && !random_below(3))
		mem = kho_in.listing[random_below(kho_in.listings)].mem;
	if (!random_below(3))
		mem.len = PAGE_SIZE * random_below(20);
	if (!random_below(16))
		mem.len = near_number(mem.len);
	if (!random_below(64))
		mem.len = random_number(&(struct hints){ });
	return mem;
}

static bool is_in_ram(const struct kho_mem *mem)
{
	return mem->len && machine_has(mem->addr, mem->len);
}

static void claim(void)
{
	struct kho_mem mem = some_mem();
	void *p = kho_claim_mem(&mem);
	u64 at;

	if (!p)
		return;
	must(p == phys_to_virt(mem.addr) && is_in_ram(&mem));
	for (at = mem.addr; at < mem.addr + mem.len; at += PAGE_SIZE)
		must(pfn_to_page(PHYS_PFN(at))->count == 1);
	if (random_below(2))
		kho_return_mem(&mem);
}

static void claim_reserved(void)
{
	struct kho_mem mem = some_mem();
	u64 at;

	if (!kho_claim_reserved_mem(&mem))
		return;
	must(is_in_ram(&mem));
	for (at = mem.addr; at < mem.addr + mem.len; at += PAGE_SIZE) {
		struct page *page = pfn_to_page(PHYS_PFN(at));

		take(page);
		state[page - mem_map] = PINNED;
	}
}

static void restore_folio(void)
{
	u64 addr = some_page();
	struct page *page = (void *)kho_restore_folio(addr);
	unsigned long i;

	if (!page)
		return;
	must(page == pfn_to_page(PHYS_PFN(addr)) && page->count == 1);
	for (i = 1; i < 1UL << page->order; i++)
		must(state_of(page + i) == TAKEN && !page[i].count);
}

static void restore_pages(void)
{
	u64 addr = some_page();
	unsigned long nr = random_below(2) ? 1 : random_below(20), i;
	struct page *page;

	if (!random_below(64))
		nr = (-1UL >> random_below(PAGE_SHIFT + 2)) - random_below(20);
	page = kho_restore_pages(addr, nr);
	for (i = 0; page && i < nr; i++)
		must(state_of(page + i) == TAKEN && page[i].count == 1 && !page[i].order);
}

static void return_mem(void)
{
	struct kho_mem mem = some_mem();

	kho_return_mem(&mem);
}

/* Preserved memory has no checksum: anything may be in a list */
static void fast write_list(u64 at, __be64 next)
{
	struct kho_vmalloc_page *list = (void *)at;
	unsigned int i, slots = random_below(4) ? 24 : KHO_VMALLOC_SLOTS(PAGE_SHIFT);

	list->next = next;
	for (i = 0; i < slots; i++)
		list->addr[i] = random_below(64) ? cpu_to_be64(some_page()) :
				cpu_to_be64(random_number(&(struct hints){ }));
}

static void restore_vmalloc(void)
{
	unsigned int shift = PAGE_SHIFT + (random_below(3) ? 0 : random_below(5));
	struct kho_vmalloc kv = { .shift = cpu_to_be32(shift) };
	unsigned int lists = 1 + random_below(3), nr, i;
	__be64 next = cpu_to_be64(random_below(2) ? 0 : some_page());

	while (lists--) {
		u64 at = some_page();

		if (PAGE_ALIGNED(at) && machine_has(at, PAGE_SIZE) &&
		    state_of(pfn_to_page(PHYS_PFN(at))) == WAITS)
			write_list(at, next);
		next = cpu_to_be64(at);
	}
	kv.first = next;
	nr = random_below(4) ? 1 + random_below(8) : random_below(PAGE_SIZE / 4);
	kv.pages = cpu_to_be32(random_below(32) ? nr : random_below(-1U));
	if (!kho_restore_vmalloc(&kv))
		return;
	must(vm_area.nr_pages == nr << (shift - PAGE_SHIFT));
	for (i = 0; i < vm_area.nr_pages; i++)
		__free_page(vm_area.pages[i]);
	kvfree(vm_area.pages);
}

/* What is waiting, as the files of sysfs say it and release it */
static unsigned long left(void)
{
	char buf[4096];
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < kho_in.nodes; i++) {
		struct node_attr n = { .node = i };

		must(node_show(NULL, &n.attr, buf) > 0);
		sum += strtoul(buf, NULL, 10);
	}
	must(unlisted_show(NULL, NULL, buf) > 0);
	return sum + strtoul(buf, NULL, 10);
}

static void release_node(void)
{
	struct node_attr n = { .node = random_below(kho_in.nodes + 2) };

	node_store(NULL, &n.attr, "1", 1);
}

static void release_unlisted(void)
{
	unlisted_store(NULL, NULL, "1", 1);
}

static unsigned long fast count_waiting(void)
{
	unsigned long i, nr = 0;

	for (i = 0; i < FRAMES; i++)
		nr += state[i] == WAITS;
	return nr;
}

static void fast start(void)
{
	unsigned long i;

	memset(state, 0, sizeof(state));
	for (i = 0; i < RAM_SIZE >> PAGE_SHIFT; i++)
		state[i] = is_kept(RAM_BASE + PFN_PHYS(i)) ? WAITS : NOT_KEPT;
}

static void fast stop(void)
{
	unsigned long i;

	for (i = 0; i < RAM_SIZE >> PAGE_SHIFT; i++)
		if (state[i] == FREE)
			__asan_unpoison_memory_region((void *)RAM_BASE + PFN_PHYS(i),
						      PAGE_SIZE);
}

/**
 * use_handover() - have drivers take what was handed over, and release the rest
 * @seed: what they do follows from that
 */
void use_handover(unsigned int seed)
{
	static void (*const uses[])(void) = {
		claim, claim_reserved, restore_folio, restore_pages, return_mem,
		restore_vmalloc, restore_vmalloc, restore_pages,
	};
	unsigned int nr, i;

	seed_random(seed);
	start();
	must(count_waiting() == kho_in.pages);
	for (nr = random_below(40); nr; nr--)
		uses[random_below(ARRAY_SIZE(uses))]();
	if (random_below(2))
		release_node();
	must(left() == PFN_PHYS(count_waiting()));

	for (i = 0; i < kho_in.nodes; i++) {
		struct node_attr n = { .node = i };

		node_store(NULL, &n.attr, "1", 1);
	}
	release_unlisted();
	must(!left() && !count_waiting());
	stop();
}
