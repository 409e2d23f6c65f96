// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the outgoing side.
 *
 * Owns the notifiers, the activation of a handover and its abort, the FDT that
 * they write and the window of memory that it is written to, what kexec asks
 * about all this, and /sys/kernel/kho.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/kexec.h>
#include <linux/kexec_handover_mm.h>
#include <linux/kobject.h>
#include <linux/libfdt.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/utsname.h>

#include "kexec_internal.h"
#include "kexec_kho_internal.h"

#define FDT_MAX_DEFAULT		SZ_64K

/**
 * struct kho_out - the outgoing handover
 * @lock:    protects all of it, and keeps activations from each other
 * @chain:   the notifiers
 * @fdt:     the window, where the next kernel looks for the FDT
 * @fdt_max: bytes in the window
 * @table:   the memory table of an active handover
 * @active:  the FDT is finished and the set of preserved memory is frozen
 * @jumping: kexec is under way: what is active stays so
 * @page_shift: log2 of the page size of the image that is looked at
 * @nr_checked: ranges of mem properties that were found preserved
 * @mem_err: why the last range of a mem property could not be preserved
 */
static struct kho_out {
	struct mutex lock;	/* all of this, and activation */
	struct raw_notifier_head chain;
	void *fdt;
	size_t fdt_max;
	struct kho_table table;
	bool active;
	bool jumping;
	unsigned int page_shift;
	unsigned long nr_checked;
	int mem_err;
} kho_out = {
	.lock = __MUTEX_INITIALIZER(kho_out.lock),
};

/* What notifiers in modules write with; lib/fdt_sw.c exports nothing itself */
EXPORT_SYMBOL_GPL(fdt_begin_node);
EXPORT_SYMBOL_GPL(fdt_end_node);
EXPORT_SYMBOL_GPL(fdt_property);
EXPORT_SYMBOL_GPL(fdt_property_placeholder);

static struct notifier_block *first_notifier(void)
{
	return rcu_dereference_protected(kho_out.chain.head,
					 lockdep_is_held(&kho_out.lock));
}

static struct notifier_block *next_notifier(struct notifier_block *nb)
{
	return rcu_dereference_protected(nb->next,
					 lockdep_is_held(&kho_out.lock));
}

static bool is_registered(const struct notifier_block *nb)
{
	struct notifier_block *other = first_notifier();

	while (other && other != nb)
		other = next_notifier(other);
	return other;
}

/* Tell the notifiers before @end, or all of them, that the handover is off */
static void call_abort(struct notifier_block *end)
{
	struct notifier_block *nb;

	for (nb = first_notifier(); nb && nb != end; nb = next_notifier(nb))
		nb->notifier_call(nb, KEXEC_KHO_ABORT, kho_out.fdt);
}

/* @end is the notifier that refused, or NULL */
static int call_dump(struct notifier_block **end)
{
	struct notifier_block *nb;
	int ret, err;

	*end = NULL;
	for (nb = first_notifier(); nb; nb = next_notifier(nb)) {
		ret = nb->notifier_call(nb, KEXEC_KHO_DUMP, kho_out.fdt);
		if (!(ret & NOTIFY_STOP_MASK))
			continue;

		err = notifier_to_errno(ret) ?: -ECANCELED;
		pr_err("%ps refused the handover: %pe\n", nb->notifier_call,
		       ERR_PTR(err));
		*end = nb;
		return err;
	}
	return 0;
}

static int fdt_errno(int fdt_err)
{
	if (!fdt_err)
		return 0;
	if (fdt_err == -FDT_ERR_BADVALUE && kho_out.mem_err)
		return kho_out.mem_err;
	if (fdt_err != -FDT_ERR_NOSPACE) {
		pr_err("the FDT could not be written: %s\n",
		       fdt_strerror(fdt_err));
		return -EINVAL;
	}
	if (kho_out.fdt_max < KHO_FDT_MAX)
		pr_err("the FDT is full: kexec -u, and write more than %zu, at most %d, to /sys/kernel/kho/fdt_max\n",
		       kho_out.fdt_max, KHO_FDT_MAX);
	else
		pr_err("the FDT is full, and at %d bytes /sys/kernel/kho/fdt_max is as large as can be\n",
		       KHO_FDT_MAX);
	return -ENOSPC;
}

/**
 * kho_notify_result() - turn a libfdt result into that of a notifier
 * @fdt_err: 0 or a libfdt error
 *
 * Logs what is wrong; that the FDT is full becomes -ENOSPC.
 *
 * Context: a KHO notifier, in KEXEC_KHO_DUMP.
 * Return: what the notifier shall return.
 */
int kho_notify_result(int fdt_err)
{
	return notifier_from_errno(fdt_errno(fdt_err));
}
EXPORT_SYMBOL_GPL(kho_notify_result);

static void store_ranges(fdt64_t *cells, const struct kho_mem *mem,
			 unsigned int nr)
{
	for (; nr; nr--, mem++) {
		fdt64_st(cells++, mem->addr);
		fdt64_st(cells++, mem->len);
	}
}

static int write_ranges(void *fdt, const char *name, const struct kho_mem *mem,
			unsigned int nr)
{
	void *cells;
	int err;

	if (nr > KHO_FDT_MAX / sizeof(*mem))
		return -FDT_ERR_NOSPACE;

	err = fdt_property_placeholder(fdt, name, nr * sizeof(*mem), &cells);
	if (!err)
		store_ranges(cells, mem, nr);
	return err;
}

/**
 * kho_fdt_property_mem() - write a mem property and preserve what it lists
 * @fdt: the FDT, as the notifier got it, in a node
 * @mem: ranges of whole pages, none of them in scratch or in another node
 * @nr:  number of ranges
 *
 * A range may be preserved already, all of it; else it is preserved for the
 * handover that is being written.
 *
 * Context: a KHO notifier, in KEXEC_KHO_DUMP.
 * Return: like libfdt's functions that write properties, 0 or a libfdt error:
 * -FDT_ERR_NOSPACE if the FDT is full, -FDT_ERR_BADVALUE if a range cannot be
 * preserved, which is logged with the reason.
 */
int kho_fdt_property_mem(void *fdt, const struct kho_mem *mem, unsigned int nr)
{
	unsigned int i;
	int err;

	lockdep_assert_held(&kho_out.lock);
	err = write_ranges(fdt, KHO_PROP_MEM, mem, nr);
	if (err)
		return err;

	for (i = 0; i < nr; i++) {
		kho_out.mem_err = kho_mem_list(&mem[i]);
		if (kho_out.mem_err)
			return -FDT_ERR_BADVALUE;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(kho_fdt_property_mem);

static int begin_fdt(void *fdt)
{
	return fdt_create(fdt, kho_out.fdt_max) ?:
	       fdt_finish_reservemap(fdt) ?:
	       fdt_begin_node(fdt, "");
}

static int set_ranges(void *fdt, const char *name, const struct kho_mem *mem,
		      unsigned int nr)
{
	void *cells;
	int err;

	if (nr > KHO_FDT_MAX / sizeof(*mem))
		return -FDT_ERR_NOSPACE;

	err = fdt_setprop_placeholder(fdt, 0, name, nr * sizeof(*mem), &cells);
	if (!err)
		store_ranges(cells, mem, nr);
	return err;
}

/*
 * The root's properties are known only now. libfdt puts each before those that
 * are there, so they come in reverse.
 */
static int set_root(void *fdt)
{
	return fdt_setprop_u32(fdt, 0, KHO_PROP_CRC, 0) ?:
	       fdt_setprop_u32(fdt, 0, KHO_PROP_TABLE_CRC, kho_out.table.crc) ?:
	       set_ranges(fdt, KHO_PROP_TABLE, kho_out.table.part,
			  kho_out.table.nr) ?:
	       set_ranges(fdt, KHO_PROP_SCRATCH, &kho_scratch, 1) ?:
	       fdt_setprop_u32(fdt, 0, KHO_PROP_COUNT, kho_in_count() + 1) ?:
	       fdt_setprop_string(fdt, 0, KHO_PROP_RELEASE,
				  init_utsname()->release) ?:
	       fdt_setprop_string(fdt, 0, "compatible", KHO_COMPATIBLE);
}

static int end_fdt(void *fdt)
{
	return fdt_end_node(fdt) ?:
	       fdt_finish(fdt) ?:
	       fdt_open_into(fdt, fdt, kho_out.fdt_max) ?:
	       set_root(fdt);
}

/* What a node lists may have been given up again since it was written */
static int check_listed(const struct kho_ranges *ranges, unsigned int node,
			struct kho_why *why)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		struct kho_mem mem = kho_range(ranges, i);

		if (kho_mem_is_listed(&mem)) {
			kho_out.nr_checked++;
			continue;
		}
		snprintf(why->text, sizeof(why->text),
			 "node number %u lists %#llx+%#llx, which is not preserved",
			 node + 1, mem.addr, mem.len);
		return -EINVAL;
	}
	return 0;
}

/* A notifier may have left a node open, or worse: see before it is sealed */
static int check_and_seal(void *fdt)
{
	struct kho_root root;
	struct kho_why why;
	int err;

	err = kho_fdt_check_tree(fdt, kho_out.fdt_max, &why);
	if (!err)
		err = fdt_errno(kho_fdt_seal(fdt, kho_out.fdt_max));
	else
		pr_err("a notifier wrote a malformed FDT: %s\n", why.text);
	if (err)
		return err;

	kho_out.nr_checked = 0;
	err = kho_fdt_check(fdt, kho_out.fdt_max, &root, &why) ?:
	      kho_fdt_walk_mem(fdt, check_listed, &why);
	if (!err && kho_out.nr_checked > kho_mem_nr_listed()) {
		strscpy(why.text, "a range is listed twice");
		err = -EINVAL;
	}
	if (err)
		pr_err("a notifier wrote a malformed FDT: %s\n", why.text);
	return err;
}

static int check_room(const struct kho_table *table)
{
	u64 room = kho_ample_room(table->ram);

	if (table->left >= room)
		return 0;
	pr_err("what is preserved, and gaps in it, leave the next kernel %llu KiB: it needs %llu KiB\n",
	       table->left >> 10, room >> 10);
	return -ENOSPC;
}

static int finish(void)
{
	int err;

	err = kho_mem_freeze(&kho_out.table);
	if (err)
		return err;

	err = check_room(&kho_out.table) ?:
	      fdt_errno(end_fdt(kho_out.fdt)) ?:
	      check_and_seal(kho_out.fdt);
	if (err)
		kho_mem_thaw(&kho_out.table);
	return err;
}

static int activate(void)
{
	struct notifier_block *end;
	int err;

	lockdep_assert_held(&kho_out.lock);
	if (kho_out.active)
		return 0;

	kho_out.mem_err = 0;
	err = fdt_errno(begin_fdt(kho_out.fdt));
	if (err)
		return err;

	err = call_dump(&end) ?: finish();
	if (err) {
		/* Who is told gives memory away: it must not be listed any more */
		kho_mem_unlist();
		call_abort(end);
		memset(kho_out.fdt, 0, kho_out.fdt_max);
		pr_err("activation failed: %pe; nothing has changed\n",
		       ERR_PTR(err));
		return err;
	}

	kho_out.active = true;
	pr_info("handover %u active: FDT of %u bytes, memory table of %llu bytes\n",
		kho_in_count() + 1, fdt_totalsize(kho_out.fdt),
		kho_out.table.bytes);
	return 0;
}

static void deactivate(void)
{
	lockdep_assert_held(&kho_out.lock);
	if (!kho_out.active)
		return;

	kho_out.active = false;
	kho_mem_thaw(&kho_out.table);
	kho_mem_unlist();
	call_abort(NULL);
	memset(kho_out.fdt, 0, kho_out.fdt_max);
	pr_info("handover aborted\n");
}

/**
 * register_kho_notifier() - take part in handovers
 * @nb: the notifier. It is called with KEXEC_KHO_DUMP when a handover is
 *	written, and with KEXEC_KHO_ABORT if that is undone and its own DUMP had
 *	succeeded. To refuse, DUMP returns notifier_from_errno(), and undoes what
 *	it did itself.
 *
 * Context: may sleep. Notifiers are called in process context with a mutex
 * held, and may sleep and allocate; they must not register or unregister.
 * Return: 0; -EBUSY while a handover is active; -EEXIST if registered already;
 * -EINTR if the task was killed while it waited for an activation to end.
 */
int register_kho_notifier(struct notifier_block *nb)
{
	int err = -EBUSY;

	if (mutex_lock_killable(&kho_out.lock))
		return -EINTR;
	if (kho_out.active)
		pr_err("%ps is too late for the active handover: echo 0 > /sys/kernel/kho/active first\n",
		       nb->notifier_call);
	else
		err = raw_notifier_chain_register(&kho_out.chain, nb);
	mutex_unlock(&kho_out.lock);
	return err;
}
EXPORT_SYMBOL_GPL(register_kho_notifier);

/**
 * unregister_kho_notifier() - no longer take part in handovers
 * @nb: the notifier
 *
 * A handover that is active has this notifier's state in it, so it is aborted.
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if it was not registered; -EBUSY if kexec is under way:
 * what it handed over is on its way, and must not be freed or changed any more.
 */
int unregister_kho_notifier(struct notifier_block *nb)
{
	guard(mutex)(&kho_out.lock);
	if (!is_registered(nb))
		return -ENOENT;
	if (kho_out.active && !kho_out.jumping) {
		pr_warn("%ps is leaving: the active handover is aborted\n",
			nb->notifier_call);
		deactivate();
	}
	return raw_notifier_chain_unregister(&kho_out.chain, nb) ?:
	       kho_out.jumping ? -EBUSY : 0;
}
EXPORT_SYMBOL_GPL(unregister_kho_notifier);

/**
 * kho_abort() - abort the handover that is active, if one is
 *
 * For a driver that must unpreserve memory. It has its notifier refuse before,
 * or another handover could be activated at once; after, it unregisters.
 *
 * Context: may sleep; not a notifier.
 * Return: 0, or -EBUSY if it is too late, because kexec is under way.
 */
int kho_abort(void)
{
	guard(mutex)(&kho_out.lock);
	if (kho_out.jumping)
		return -EBUSY;
	deactivate();
	return 0;
}
EXPORT_SYMBOL_GPL(kho_abort);

static int note_kho(char *param, char *val, const char *unused, void *on)
{
	if (!strcmp(param, "kho"))
		kstrtobool(val, on);
	return 0;
}

/**
 * kho_image_init() - decide whether a new image carries a handover
 * @image: an image of kexec_file_load(2) that is not for a crash, with its
 *	command line
 *
 * It does if its command line says kho=on: a kernel with another one would
 * refuse, and then all is lost.
 *
 * Context: holds the kexec lock.
 * Return: 0 or -ENOMEM.
 */
int kho_image_init(struct kimage *image)
{
	bool on = false;
	char *cmdline;

	if (!kho_is_enabled() || !kho_out.fdt)
		return 0;

	/* As the next kernel reads it */
	cmdline = kstrdup(image->cmdline_buf ?: "", GFP_KERNEL);
	if (!cmdline)
		return -ENOMEM;
	parse_args("kexec image", cmdline, NULL, 0, 0, 0, &on, note_kho);
	kfree(cmdline);

	image->kho = on;
	if (!on)
		pr_info("the image carries no handover: its command line does not say kho=on\n");
	return 0;
}

/**
 * kho_image_set_page_shift() - note the size of the pages of an image's kernel
 * @image: the image
 * @shift: log2 of that
 */
void kho_image_set_page_shift(struct kimage *image, unsigned int shift)
{
	image->kho_page_shift = shift;
}

/**
 * kho_image_window() - where an image's kernel shall look for the FDT
 * @image:  the image
 * @window: filled with the range
 *
 * Return: false if the image carries no handover.
 */
bool kho_image_window(const struct kimage *image, struct kho_mem *window)
{
	if (!image->kho)
		return false;

	window->addr = virt_to_phys(kho_out.fdt);
	window->len = kho_out.fdt_max;
	return true;
}

/**
 * kho_scratch_areas() - where an image's kernel may lie
 * @areas: set to an array of ranges
 *
 * Return: the length of the array.
 */
unsigned int kho_scratch_areas(const struct kho_mem **areas)
{
	*areas = &kho_scratch;
	return kho_scratch.len ? 1 : 0;
}

static int check_aligned(const struct kho_ranges *ranges, unsigned int node,
			 struct kho_why *why)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		struct kho_mem mem = kho_range(ranges, i);

		if (!((mem.addr | mem.len) & ((1ULL << kho_out.page_shift) - 1)))
			continue;
		snprintf(why->text, sizeof(why->text),
			 "mem range %#llx+%#llx does not fit pages of %u bytes",
			 mem.addr, mem.len, 1U << kho_out.page_shift);
		return -EINVAL;
	}
	return 0;
}

/* A kernel whose pages have another size cannot take all that we preserve */
static int check_page_size(unsigned int shift)
{
	struct kho_why why;
	int err;

	if (!shift || shift == PAGE_SHIFT)
		return 0;

	kho_out.page_shift = shift;
	err = kho_mem_check(&kho_out.table, shift, &why) ?:
	      kho_fdt_walk_mem(kho_out.fdt, check_aligned, &why);
	if (err)
		pr_err("the image's kernel has pages of %u bytes and would refuse the handover: %s\n",
		       1U << shift, why.text);
	return err;
}

static int activate_for_image(unsigned int page_shift)
{
	bool was_active;
	int err;

	if (mutex_lock_killable(&kho_out.lock))
		return -EINTR;
	was_active = kho_out.active;
	err = activate() ?: check_page_size(page_shift);
	if (err && !was_active)
		deactivate();
	mutex_unlock(&kho_out.lock);
	return err;
}

/**
 * kho_before_kexec() - have the handover active before anything is shut down
 *
 * Not with the kexec lock held, which a panic needs to make a dump: notifiers
 * may take long. kho_check_kexec() comes after it, with that lock.
 *
 * Context: may sleep.
 * Return: 0, or an error: kexec must not go on, the machine is as it was.
 */
int kho_before_kexec(void)
{
	unsigned int page_shift = 0;
	bool carries = false;

	if (!kexec_trylock())
		return -EBUSY;
	if (kexec_image) {
		carries = kexec_image->kho;
		page_shift = kexec_image->kho_page_shift;
	}
	kexec_unlock();
	return carries ? activate_for_image(page_shift) : 0;
}

static int check_image(const struct kimage *image)
{
	if (image->kho) {
		if (kho_out.active)
			return 0;
		pr_err("the handover that the image carries was aborted meanwhile: try again\n");
		return -EAGAIN;
	}
	if (kho_out.active) {
		pr_err("the image cannot carry the active handover: load it with kexec_file_load(2) (kexec -s) and kho=on on its command line, or echo 0 > /sys/kernel/kho/active\n");
		return -EBUSY;
	}
	if (!kho_mem_empty())
		pr_warn("the image carries no handover: preserved memory is lost\n");
	/* But an image that jumps back here leaves this kernel as it is */
	if (!image->preserve_context)
		kho_in_forget();
	return 0;
}

/**
 * kho_check_kexec() - see that nothing is in the way of executing an image
 * @image: the image that is about to be executed
 *
 * Context: holds the kexec lock. May sleep, but not for long: who activates a
 * handover meanwhile may wait for a driver.
 * Return: 0, or an error, as kho_before_kexec().
 */
int kho_check_kexec(struct kimage *image)
{
	bool got;
	int err;

	read_poll_timeout(mutex_trylock, got, got, USEC_PER_MSEC, USEC_PER_SEC,
			  false, &kho_out.lock);
	if (!got) {
		pr_err("somebody activates or aborts a handover: try again\n");
		return -EBUSY;
	}
	err = check_image(image);
	kho_out.jumping = image->kho && !err;
	mutex_unlock(&kho_out.lock);
	return err;
}

static ssize_t active_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	bool active;

	/* An activation takes as long as drivers take: whoever waits may give up */
	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	active = kho_out.active;
	mutex_unlock(&kho_out.lock);
	return sysfs_emit(buf, "%d\n", active);
}

static ssize_t active_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t count)
{
	bool on;
	int err;

	err = kstrtobool(buf, &on);
	if (err)
		return err;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	if (kho_out.jumping)
		err = -EBUSY;
	else if (on)
		err = activate();
	else
		deactivate();
	mutex_unlock(&kho_out.lock);
	return err ?: count;
}

static struct kobj_attribute active_attr = __ATTR_RW_MODE(active, 0600);

static ssize_t fdt_max_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	size_t fdt_max;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	fdt_max = kho_out.fdt_max;
	mutex_unlock(&kho_out.lock);
	return sysfs_emit(buf, "%zu\n", fdt_max);
}

static int new_window(size_t size)
{
	void *fdt = kho_alloc_boot(GFP_KERNEL | __GFP_NOWARN, get_order(size));

	if (!fdt) {
		pr_err("no %zu bytes of contiguous memory for the FDT\n", size);
		return -ENOMEM;
	}

	if (kho_out.fdt)
		free_pages((unsigned long)kho_out.fdt,
			   get_order(kho_out.fdt_max));
	kho_out.fdt = fdt;
	kho_out.fdt_max = PAGE_SIZE << get_order(size);
	return 0;
}

static int resize_window(size_t size)
{
	int err = -EBUSY;

	if (kho_out.active) {
		pr_err("fdt_max is fixed while a handover is active: echo 0 > /sys/kernel/kho/active first\n");
		return -EBUSY;
	}

	/*
	 * Images are loaded under this lock, and note where the window is. A
	 * panic needs it, too: it is not held while waiting for an activation.
	 */
	if (!kexec_trylock())
		return -EBUSY;
	if (kexec_image && kexec_image->kho)
		pr_err("fdt_max is fixed while an image is loaded: kexec -u first\n");
	else
		err = new_window(size);
	kexec_unlock();
	return err;
}

static ssize_t fdt_max_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	unsigned long size;
	int err;

	err = kstrtoul(buf, 0, &size);
	if (err)
		return err;
	if (!size || size > KHO_FDT_MAX) {
		pr_err("fdt_max is more than 0, and at most %d\n", KHO_FDT_MAX);
		return -EINVAL;
	}

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	err = resize_window(size);
	mutex_unlock(&kho_out.lock);
	return err ?: count;
}

static struct kobj_attribute fdt_max_attr = __ATTR_RW_MODE(fdt_max, 0600);

static ssize_t image_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	const char *what = "none";

	if (!kexec_trylock())
		return -EBUSY;
	if (kexec_image)
		what = kexec_image->kho ? "handover" : "plain";
	kexec_unlock();
	return sysfs_emit(buf, "%s\n", what);
}

static struct kobj_attribute image_attr = __ATTR_RO_MODE(image, 0400);

static ssize_t scratch_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%#llx %#llx\n", kho_scratch.addr,
			  kho_scratch.len);
}

static ssize_t window_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	int len;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	len = sysfs_emit(buf, "%#llx %#zx\n", (u64)virt_to_phys(kho_out.fdt),
			 kho_out.fdt_max);
	mutex_unlock(&kho_out.lock);
	return len;
}

static struct kobj_attribute window_attr = __ATTR_RO_MODE(window, 0400);

static struct kobj_attribute scratch_attr = __ATTR_RO_MODE(scratch, 0400);

static ssize_t fdt_read(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t pos,
			size_t count)
{
	ssize_t len = 0;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	if (kho_out.active)
		len = memory_read_from_buffer(buf, count, &pos, kho_out.fdt,
					      fdt_totalsize(kho_out.fdt));
	mutex_unlock(&kho_out.lock);
	return len;
}

static struct bin_attribute fdt_attr = __BIN_ATTR(fdt, 0400, fdt_read, NULL, 0);

static struct attribute *kho_attrs[] = {
	&active_attr.attr,
	&fdt_max_attr.attr,
	&image_attr.attr,
	&scratch_attr.attr,
	&window_attr.attr,
	NULL
};

static struct bin_attribute *kho_bin_attrs[] = {
	&fdt_attr,
	NULL
};

static const struct attribute_group kho_group = {
	.attrs = kho_attrs,
	.bin_attrs = kho_bin_attrs,
};

static int __init kho_out_init(void)
{
	struct kobject *kobj;
	int err;

	if (!kho_is_enabled())
		return 0;

	kobj = kobject_create_and_add("kho", kernel_kobj);
	if (!kobj)
		return -ENOMEM;

	err = sysfs_create_group(kobj, &kho_group) ?:
	      new_window(FDT_MAX_DEFAULT);
	if (err) {
		pr_err("kexec handover is off: %pe\n", ERR_PTR(err));
		kobject_put(kobj);
	}
	return err;
}
/* After kexec_kho_mem.c has noted what RAM there is */
postcore_initcall(kho_out_init);

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_out_test.c"
#endif
