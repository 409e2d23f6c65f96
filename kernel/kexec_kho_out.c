// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the handover that this kernel writes.
 *
 * Its notifiers write it when it is activated, into a window of memory where the
 * next kernel looks for it. Until the jump it can be aborted, and whatever changes
 * what it relies on does so: then it is void, and the jump activates another.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <kunit/static_stub.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kexec_handover_mm.h>
#include <linux/kobject.h>
#include <linux/libfdt.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/utsname.h>
#include <linux/workqueue.h>

#include "kexec_internal.h"
#include "kexec_kho_internal.h"

/* So often is a handover written, if what it relies on goes on changing */
#define MAX_TRIES	5

/**
 * struct kho_out - the outgoing handover
 * @lock:    protects all of it, and keeps activations from each other
 * @chain:   the notifiers
 * @fdt:     the window, where the next kernel looks for the FDT
 * @fdt_max: bytes in the window
 * @table:   the memory table of an active handover
 * @active:  the FDT is finished; but see kho_track_is_void()
 * @page_shift: log2 of the page size of the image that this was sealed for
 * @mem_err: why the last range of a mem property could not be preserved
 */
static struct kho_out {
	struct mutex lock;	/* all of this, and activation */
	struct raw_notifier_head chain;
	void *fdt;
	size_t fdt_max;
	struct kho_table table;
	bool active;
	unsigned int page_shift;
	int mem_err;
} kho_out = {
	.lock = __MUTEX_INITIALIZER(kho_out.lock),
};

/* /sys/kernel/kho, where one can wait for changes of active */
struct kobject *kho_out_kobj;

/**
 * kho_out_is_active() - whether a handover is active
 *
 * Return: true if one is, for this moment.
 */
bool kho_out_is_active(void)
{
	/* In this order: one that was void is no longer active once it is not */
	return !kho_track_is_void() && READ_ONCE(kho_out.active);
}

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

/* Tell the notifiers before @end, or all of them; whether one objects */
static bool call_all(enum kho_event event, struct notifier_block *end)
{
	struct notifier_block *nb;

	for (nb = first_notifier(); nb && nb != end; nb = next_notifier(nb)) {
		if (!(nb->notifier_call(nb, event, kho_out.fdt) & NOTIFY_STOP_MASK) ||
		    event != KEXEC_KHO_CHECK)
			continue;
		pr_info("%ps has other things to hand over by now: the handover is made anew\n",
			nb->notifier_call);
		return true;
	}
	return false;
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

/* Why a mem property could not be written is known better than libfdt says it */
static int take_mem_err(void)
{
	int err = kho_out.mem_err;

	kho_out.mem_err = 0;
	return err;
}

static int fdt_errno(int fdt_err)
{
	if (!fdt_err)
		return 0;
	if (fdt_err == -FDT_ERR_BADVALUE && kho_out.mem_err)
		return take_mem_err();
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

	KUNIT_STATIC_STUB_REDIRECT(kho_fdt_property_mem, fdt, mem, nr);
	lockdep_assert_held(&kho_out.lock);
	err = write_ranges(fdt, KHO_PROP_MEM, mem, nr);
	if (err)
		return err;

	for (i = 0; i < nr; i++) {
		kho_out.mem_err = kho_track_list(&mem[i]);
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
	return fdt_setprop_u32(fdt, 0, KHO_ROOT_PAGE_SIZE, PAGE_SIZE) ?:
	       fdt_setprop_u32(fdt, 0, KHO_ROOT_POSSIBLE_CPUS, num_possible_cpus()) ?:
	       fdt_setprop_u32(fdt, 0, KHO_ROOT_CHECKSUM, 0) ?:
	       fdt_setprop_u32(fdt, 0, KHO_ROOT_MEM_TABLE_CHECKSUM, kho_out.table.crc) ?:
	       set_ranges(fdt, KHO_ROOT_MEM_TABLE, kho_out.table.part,
			  kho_out.table.nr) ?:
	       set_ranges(fdt, KHO_ROOT_SCRATCH, &kho_scratch, 1) ?:
	       fdt_setprop_u32(fdt, 0, KHO_ROOT_HANDOVER_COUNT, kho_in_count() + 1) ?:
	       fdt_setprop_string(fdt, 0, KHO_ROOT_KERNEL_RELEASE,
				  init_utsname()->release) ?:
	       fdt_setprop_string(fdt, 0, "compatible", KHO_ROOT_COMPATIBLE);
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
			void *nr, struct kho_why *why)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		struct kho_mem mem = kho_range(ranges, i);

		if (kho_track_is_listed(&mem)) {
			++*(unsigned long *)nr;
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
	unsigned long nr_listed = 0;
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

	err = kho_fdt_check(fdt, kho_out.fdt_max, &root, &why) ?:
	      kho_fdt_walk_mem(fdt, check_listed, &nr_listed, &why);
	if (!err && nr_listed > kho_track_nr_listed()) {
		strscpy(why.text, "a range is listed twice");
		err = -EINVAL;
	}
	/* If it is void by now, what it lists may be gone, and that is nobody's fault */
	if (err && !kho_track_is_void())
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

static int finish_handover(void)
{
	int err;

	err = kho_track_encode(&kho_out.table);
	if (err)
		return err;
	return check_room(&kho_out.table) ?:
	       fdt_errno(end_fdt(kho_out.fdt)) ?:
	       check_and_seal(kho_out.fdt);
}

/* Undo what has been written, as far as the notifiers before @end, or all of them */
static void forget_handover(struct notifier_block *end)
{
	WRITE_ONCE(kho_out.active, false);
	kho_table_free(&kho_out.table);
	kho_track_end();
	call_all(KEXEC_KHO_ABORT, end);
	memset(kho_out.fdt, 0, kho_out.fdt_max);
}

static void end_void(struct work_struct *work);
static DECLARE_WORK(kho_void_work, end_void);

static int write_handover(bool *is_void)
{
	struct notifier_block *end = first_notifier();
	int err;

	kho_out.mem_err = 0;
	kho_track_begin(&kho_void_work);
	err = fdt_errno(begin_fdt(kho_out.fdt)) ?: call_dump(&end) ?: finish_handover();
	*is_void = kho_track_is_void();
	if (err || *is_void)
		forget_handover(end);
	return err;
}

static void note_active(void)
{
	if (kho_out_kobj)
		sysfs_notify(kho_out_kobj, NULL, "active");
}

static void kho_deactivate(void)
{
	lockdep_assert_held(&kho_out.lock);
	if (!kho_out.active)
		return;

	forget_handover(NULL);
	note_active();
}

/* If the handover has become void, its notifiers hear of that from here */
static void end_void(struct work_struct *work)
{
	guard(mutex)(&kho_out.lock);
	if (kho_track_is_void())
		kho_deactivate();
}

static int give_up_changing(void)
{
	pr_err("what is handed over goes on changing: try again\n");
	return -EBUSY;
}

/* It stays where it is, because an image may know the place */
static int check_window(void)
{
	if (kho_ram_is_sound(virt_to_phys(kho_out.fdt), kho_out.fdt_max))
		return 0;
	pr_err("the hardware has failed in the FDT's window: kexec -u, write to /sys/kernel/kho/fdt_max, and load the image again\n");
	return -EIO;
}

static int kho_activate(void)
{
	int err = check_window(), tries;
	bool is_void = true;

	lockdep_assert_held(&kho_out.lock);
	if (err || (kho_out.active && !kho_track_is_void()))
		return err;
	kho_deactivate();

	for (tries = 0; is_void && tries < MAX_TRIES; tries++)
		err = write_handover(&is_void);
	if (is_void)
		err = give_up_changing();
	if (err) {
		pr_err("activation failed: %pe; no handover is active\n",
		       ERR_PTR(err));
		return err;
	}

	WRITE_ONCE(kho_out.active, true);
	pr_info("handover %u active: FDT of %u bytes, memory table of %llu bytes\n",
		kho_in_count() + 1, fdt_totalsize(kho_out.fdt),
		kho_out.table.bytes);
	note_active();
	return 0;
}

/**
 * register_kho_notifier() - take part in handovers
 * @nb: the notifier, see enum kho_event
 *
 * A handover that is active is aborted; the jump makes another.
 *
 * Context: may sleep; no locks that a notifier takes are held. Notifiers are called
 * in process context with a mutex held, and may sleep and allocate, but for
 * KEXEC_KHO_JUMP; they must not register or unregister.
 * Return: 0; -EBUSY during the jump; -EEXIST if registered already; -EINTR if the
 * task was killed while it waited for an activation to end.
 */
int register_kho_notifier(struct notifier_block *nb)
{
	int err = -EBUSY;

	if (mutex_lock_killable(&kho_out.lock))
		return -EINTR;
	if (!kho_track_is_sealed()) {
		if (kho_out_is_active())
			pr_info("%ps comes: the handover is aborted, and the jump makes another\n",
				nb->notifier_call);
		kho_deactivate();
		err = raw_notifier_chain_register(&kho_out.chain, nb);
	}
	mutex_unlock(&kho_out.lock);
	return err;
}
EXPORT_SYMBOL_GPL(register_kho_notifier);

/**
 * unregister_kho_notifier() - no longer take part in handovers
 * @nb: the notifier; if it was not registered, the log says so
 *
 * From now on it is not called any more, whatever this returns. A handover that is
 * active is aborted; the jump makes another.
 *
 * Context: may sleep; no locks that the notifier takes are held.
 * Return: 0: what it has written about is not handed over; -EBUSY during the jump:
 * that is on its way to the next kernel, and must not be freed or changed.
 */
int unregister_kho_notifier(struct notifier_block *nb)
{
	guard(mutex)(&kho_out.lock);
	if (!is_registered(nb)) {
		pr_err("%ps is unregistered, and was not registered\n",
		       nb->notifier_call);
		return 0;
	}
	if (kho_track_is_sealed()) {
		raw_notifier_chain_unregister(&kho_out.chain, nb);
		return -EBUSY;
	}

	if (kho_out_is_active())
		pr_info("%ps leaves: the handover is aborted, and the jump makes another\n",
			nb->notifier_call);
	kho_deactivate();
	return raw_notifier_chain_unregister(&kho_out.chain, nb);
}
EXPORT_SYMBOL_GPL(unregister_kho_notifier);

/**
 * kho_out_activate() - have a handover active
 *
 * Context: may sleep, interruptibly if somebody else activates one.
 * Return: 0; -ERESTARTSYS; -EBUSY during the jump; another error if it could not be
 * written, then the log says why, and none is active.
 */
int kho_out_activate(void)
{
	int err = -EBUSY;

	/* An activation takes as long as drivers take: whoever waits may give up */
	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	if (!kho_track_is_sealed())
		err = kho_activate();
	mutex_unlock(&kho_out.lock);
	return err;
}

/**
 * kho_out_abort() - have no handover active
 *
 * Context: may sleep, interruptibly if somebody else activates one.
 * Return: 0; -ERESTARTSYS; -EBUSY during the jump.
 */
int kho_out_abort(void)
{
	int err = -EBUSY;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	if (!kho_track_is_sealed()) {
		if (kho_out_is_active())
			pr_info("handover aborted\n");
		kho_deactivate();
		err = 0;
	}
	mutex_unlock(&kho_out.lock);
	return err;
}

static int check_aligned(const struct kho_ranges *ranges, unsigned int node,
			 void *shift, struct kho_why *why)
{
	unsigned int size = 1U << *(unsigned int *)shift, i;

	for (i = 0; i < ranges->nr; i++) {
		struct kho_mem mem = kho_range(ranges, i);

		if (IS_ALIGNED(mem.addr | mem.len, (u64)size))
			continue;
		snprintf(why->text, sizeof(why->text),
			 "mem range %#llx+%#llx does not fit pages of %u bytes",
			 mem.addr, mem.len, size);
		return -EINVAL;
	}
	return 0;
}

/* A kernel whose pages have another size cannot take all that we preserve */
static int seal_for(unsigned int shift)
{
	struct kho_why why = { };
	int err = 0;

	kho_out.page_shift = shift;
	if (shift && shift != PAGE_SHIFT)
		err = kho_fdt_walk_mem(kho_out.fdt, check_aligned, &shift, &why);
	err = err ?: kho_track_seal(&kho_out.table, shift, &why);
	if (*why.text)
		pr_err("the image's kernel has pages of %u bytes and would refuse the handover: %s\n",
		       1U << shift, why.text);
	return err;
}

/* What was written before may no longer be true, but whoever wrote it knows */
static int activate_anew(void)
{
	if (kho_out_is_active() && call_all(KEXEC_KHO_CHECK, NULL))
		kho_deactivate();
	return kho_activate();
}

static int seal_handover(unsigned int page_shift)
{
	int err, tries;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		err = activate_anew() ?: seal_for(page_shift);
		if (err != -ESTALE)
			return err;
	}
	return give_up_changing();
}

/**
 * kho_out_seal() - have a handover active that nothing changes any more
 * @page_shift: log2 of the page size of the kernel that takes it, or 0
 *
 * Context: may sleep. No error after that but with kho_track_unseal().
 * Return: 0; -EINTR if the task was killed while it waited; another error, then the
 * log says why, and the machine goes on.
 */
int kho_out_seal(unsigned int page_shift)
{
	bool was_active;
	int err;

	if (mutex_lock_killable(&kho_out.lock))
		return -EINTR;
	was_active = kho_out_is_active();
	err = seal_handover(page_shift);
	if (err && !was_active)
		kho_deactivate();
	mutex_unlock(&kho_out.lock);
	return err;
}

/**
 * kho_out_is_sealed_for() - whether kho_out_seal() was called for such a kernel
 * @page_shift: log2 of the page size of that kernel, or 0
 *
 * Return: true if so.
 */
bool kho_out_is_sealed_for(unsigned int page_shift)
{
	return kho_track_is_sealed() && kho_out.page_shift == page_shift;
}

/**
 * kho_out_jump() - tell the notifiers that the jump is next
 *
 * Context: as for KEXEC_KHO_JUMP: no CPU but this one runs, and one that has stopped
 * may hold any lock.
 */
void kho_out_jump(void)
{
	struct notifier_block *nb;

	for (nb = rcu_dereference_raw(kho_out.chain.head); nb;
	     nb = rcu_dereference_raw(nb->next))
		nb->notifier_call(nb, KEXEC_KHO_JUMP, NULL);
}

/**
 * kho_out_window() - where the next kernel looks for the FDT
 * @window: filled with the range
 *
 * Context: it stays there while an image that carries a handover is loaded.
 */
void kho_out_window(struct kho_mem *window)
{
	window->addr = kho_out.fdt ? virt_to_phys(kho_out.fdt) : 0;
	window->len = kho_out.fdt_max;
}

/**
 * kho_out_read() - read the FDT of the active handover
 * @buf:   filled with it
 * @count: at most so many bytes
 * @pos:   from here on
 *
 * Return: bytes read, 0 if no handover is active, or -ERESTARTSYS.
 */
ssize_t kho_out_read(char *buf, size_t count, loff_t pos)
{
	ssize_t len = 0;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	if (kho_out_is_active())
		len = memory_read_from_buffer(buf, count, &pos, kho_out.fdt,
					      fdt_totalsize(kho_out.fdt));
	mutex_unlock(&kho_out.lock);
	return len;
}

/* The table has no more parts than there are pieces of memory for it: usually one */
static const void *get_entry(size_t i, struct kho_entry *e)
{
	const struct kho_mem *part = kho_out.table.part;
	u64 at = i * sizeof(*e);

	for (; at >= part->len; part++)
		at -= part->len;
	memcpy(e, phys_to_virt(part->addr + at), sizeof(*e));
	return e->bitmap ? phys_to_virt(be64_to_cpu(e->bitmap)) : NULL;
}

static size_t nr_entries(void)
{
	unsigned int i;
	u64 bytes = 0;

	for (i = 0; i < kho_out.table.nr; i++)
		bytes += kho_out.table.part[i].len;
	return bytes / sizeof(struct kho_entry);
}

/**
 * kho_out_read_table() - read the memory table of the active handover
 * @buf:   filled with a part of it, see kho_table_read()
 * @count: at most so many bytes
 * @pos:   from here on
 *
 * Return: bytes read, 0 if no handover is active, or -ERESTARTSYS.
 */
ssize_t kho_out_read_table(char *buf, size_t count, loff_t pos)
{
	ssize_t len = 0;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	/* Once the handover is void, chunks are freed as the set changes */
	mutex_lock(&kho_track_lock);
	if (kho_out_is_active())
		len = kho_table_read(nr_entries(), get_entry, buf, count, pos);
	mutex_unlock(&kho_track_lock);
	mutex_unlock(&kho_out.lock);
	return len;
}

/*
 * Images are loaded under the kexec lock, and note where the window is. A panic needs
 * that lock, too: whatever takes long is done without it.
 */
static int set_window(void *fdt, size_t size)
{
	int err = -EBUSY;

	if (!kexec_trylock())
		return -EBUSY;
	if (kexec_image && kexec_image->kho) {
		pr_err("fdt_max is fixed while an image is loaded: kexec -u first\n");
	} else {
		if (fdt) {
			swap(kho_out.fdt, fdt);
			swap(kho_out.fdt_max, size);
		}
		err = 0;
	}
	kexec_unlock();
	if (fdt)
		kho_free_boot(fdt, get_order(size));
	return err;
}

static int move_window(size_t size)
{
	int err = kho_track_is_sealed() ? -EBUSY : set_window(NULL, 0);
	void *fdt;

	if (err)
		return err;
	fdt = kho_alloc_boot(GFP_KERNEL | __GFP_NOWARN, get_order(size));
	if (!fdt) {
		pr_err("no %zu bytes of contiguous memory for the FDT\n", size);
		return -ENOMEM;
	}

	if (kho_out_is_active())
		pr_info("the FDT's window moves: the handover is aborted, and the jump makes another\n");
	kho_deactivate();
	return set_window(fdt, PAGE_SIZE << get_order(size));
}

/**
 * kho_out_resize() - have a window of another size
 * @size: bytes, at most KHO_FDT_MAX
 *
 * Context: may sleep.
 * Return: 0; -ERESTARTSYS; -EBUSY if an image knows where the window is; -ENOMEM.
 */
int kho_out_resize(size_t size)
{
	int err;

	if (mutex_lock_interruptible(&kho_out.lock))
		return -ERESTARTSYS;
	err = move_window(size);
	mutex_unlock(&kho_out.lock);
	return err;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_out_test.c"
#include "kexec_kho_out_refusal_test.c"
#endif
