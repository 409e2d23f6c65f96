// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest driver that takes part in a kexec handover (KHO).
 *
 * It hands over a counter, a string and pages that are scattered over memory,
 * and when it is loaded, takes back what its predecessor in the kernel before
 * handed over. Documentation/kho/driver.rst walks through it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/crc32.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>

#define SAMPLE_COMPATIBLE	"linux,kho-sample-v1"
#define SAMPLE_PAGES		8

/* The number of kernels that have handed this over, and one */
static u32 counter = 1;
static char text[64] = "hello from the first kernel";
static struct page *pages[SAMPLE_PAGES];

static u32 checksum_pages(void)
{
	u32 crc = 0;
	int i;

	for (i = 0; i < SAMPLE_PAGES; i++)
		crc = crc32(crc, page_address(pages[i]), PAGE_SIZE);
	return crc;
}

/* Everything is written here, when the handover is: not a moment earlier */
static int write_node(void *fdt)
{
	struct kho_mem mem[SAMPLE_PAGES];
	int i;

	for (i = 0; i < SAMPLE_PAGES; i++) {
		mem[i].addr = page_to_phys(pages[i]);
		mem[i].len = PAGE_SIZE;
	}

	return fdt_begin_node(fdt, "kho-sample") ?:
	       fdt_property_string(fdt, "compatible", SAMPLE_COMPATIBLE) ?:
	       fdt_property_u32(fdt, "counter", counter + 1) ?:
	       fdt_property_string(fdt, "text", text) ?:
	       fdt_property_u32(fdt, "crc32", checksum_pages()) ?:
	       kho_fdt_property_mem(fdt, mem, SAMPLE_PAGES) ?:
	       fdt_end_node(fdt);
}

static int sample_notify(struct notifier_block *nb, unsigned long event,
			 void *fdt)
{
	/* Writing has changed nothing here that an abort would have to undo */
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	return kho_notify_result(write_node(fdt));
}

static struct notifier_block sample_nb = {
	.notifier_call = sample_notify,
};

/* The lengths are the other kernel's word: look before reading */
static const fdt32_t *get_u32(const void *fdt, int node, const char *name)
{
	int len;
	const fdt32_t *prop = fdt_getprop(fdt, node, name, &len);

	return prop && len == sizeof(*prop) ? prop : NULL;
}

static const char *get_text(const void *fdt, int node)
{
	int len;
	const char *prop = fdt_getprop(fdt, node, "text", &len);

	return prop && len > 0 && len <= sizeof(text) && !prop[len - 1] ?
		prop : NULL;
}

/*
 * Claim what the node lists and sum it up. A driver that goes on using this
 * memory keeps it; here, each range has done its work once it is read.
 */
static int read_pages(int node, unsigned int *nr, u32 *crc)
{
	struct kho_mem mem;
	unsigned int i;
	void *data;

	for (i = 0; !kho_get_mem(node, i, &mem); i++) {
		data = kho_claim_mem(&mem);
		if (!data)
			return -EBUSY;

		*crc = crc32(*crc, data, mem.len);
		*nr += mem.len >> PAGE_SHIFT;
		kho_return_mem(&mem);
	}
	return 0;
}

static int read_node(const void *fdt, int node)
{
	const fdt32_t *count = get_u32(fdt, node, "counter");
	const fdt32_t *sum = get_u32(fdt, node, "crc32");
	const char *str = get_text(fdt, node);
	unsigned int nr = 0;
	u32 crc = 0;
	int err;

	if (!count || !sum || !str) {
		pr_err("error: the node that was handed over is malformed\n");
		return -EINVAL;
	}

	err = read_pages(node, &nr, &crc);
	if (err) {
		pr_err("error: the pages that were handed over are not to be had\n");
		return err;
	}
	if (crc != fdt32_to_cpu(*sum)) {
		pr_err("error: checksum %#x, expected %#x\n", crc,
		       fdt32_to_cpu(*sum));
		return -EBADMSG;
	}

	counter = fdt32_to_cpu(*count);
	strscpy(text, str);
	pr_info("found: counter %u, \"%s\", %u pages verified\n", counter, text,
		nr);
	return 0;
}

/* Whatever is wrong with the old state, the driver works: it starts anew */
static void find_state(void)
{
	const void *fdt = kho_get_fdt();
	int node = -FDT_ERR_NOTFOUND;

	if (fdt)
		node = fdt_subnode_offset(fdt, 0, "kho-sample");
	if (node < 0 || fdt_node_check_compatible(fdt, node, SAMPLE_COMPATIBLE))
		pr_info("no handover: starting at %u\n", counter);
	else if (read_node(fdt, node))
		pr_info("handover not used: starting at %u\n", counter);
}

static void free_pages_all(void)
{
	int i;

	for (i = 0; i < SAMPLE_PAGES && pages[i]; i++)
		__free_page(pages[i]);
}

static int __init sample_init(void)
{
	int err = -ENOMEM;
	int i;

	for (i = 0; i < SAMPLE_PAGES; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (!pages[i])
			goto err_free;
		memset(page_address(pages[i]), 'A' + i, PAGE_SIZE);
	}

	find_state();
	/* Last: it may be called at once */
	err = register_kho_notifier(&sample_nb);
	if (err)
		goto err_free;
	return 0;

err_free:
	free_pages_all();
	return err;
}

static void __exit sample_exit(void)
{
	/* First: it says whether the pages are still ours */
	if (!unregister_kho_notifier(&sample_nb))
		free_pages_all();
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_DESCRIPTION("Kexec handover sample");
MODULE_LICENSE("GPL");
