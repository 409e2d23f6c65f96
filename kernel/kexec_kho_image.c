// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what kexec asks of it, as it loads an image and executes it.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kexec.h>
#include <linux/kexec_handover_mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kexec_internal.h"
#include "kexec_kho_internal.h"

/**
 * struct kho_words - what matters here of a command line
 * @kho: kho=on
 * @debug_pagealloc: the last of that, or empty
 * @rodata: the last of that, or empty
 * @kfence: the last kfence.sample_interval, or empty
 * @ram: a checksum of all mem=, memmap= and mem_encrypt=
 */
struct kho_words {
	bool kho;
	char debug_pagealloc[8];
	char rodata[8];
	char kfence[8];
	u32 ram;
};

static int note_word(char *param, char *val, const char *unused, void *arg)
{
	struct kho_words *w = arg;
	bool said;

	if (!strcmp(param, "kho") && !kstrtobool(val, &said))
		w->kho = said;
	if (!strcmp(param, "debug_pagealloc"))
		strscpy(w->debug_pagealloc, val ?: "");
	if (!strcmp(param, "rodata"))
		strscpy(w->rodata, val ?: "");
	if (!strcmp(param, "kfence.sample_interval"))
		strscpy(w->kfence, val ?: "");
	if (val && (!strcmp(param, "mem") || !strcmp(param, "memmap") ||
		    !strcmp(param, "mem_encrypt")))
		w->ram = kho_crc(w->ram, val, strlen(val));
	return 0;
}

/* As a kernel reads it */
static int read_words(const char *cmdline, struct kho_words *w)
{
	char *copy __free(kfree) = kstrdup(cmdline, GFP_KERNEL);

	*w = (struct kho_words){ };
	if (!copy)
		return -ENOMEM;
	parse_args("kexec image", copy, NULL, 0, 0, 0, w, note_word);
	return 0;
}

/* Ours tell what our linear map is made of: with others, single pages may be needed */
static bool maps_alike(const struct kho_words *a, const struct kho_words *b)
{
	return !strcmp(a->debug_pagealloc, b->debug_pagealloc) &&
	       !strcmp(a->rodata, b->rodata) && !strcmp(a->kfence, b->kfence);
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
	struct kho_words words, ours;
	struct kho_mem window;

	kho_out_window(&window);
	if (!kho_is_enabled() || !window.len)
		return 0;
	if (read_words(image->cmdline_buf ?: "", &words) ||
	    read_words(saved_command_line, &ours))
		return -ENOMEM;

	image->kho = words.kho;
	image->kho_maps_pages = !maps_alike(&words, &ours);
	if (!image->kho)
		pr_info("the image carries no handover: its command line does not say kho=on\n");
	else if (words.ram != ours.ram)
		pr_warn("the image has another mem=, memmap= or mem_encrypt= than this kernel: it may refuse the handover\n");
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

	kho_out_window(window);
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

/**
 * kho_before_kexec() - have the handover ready before anything is shut down
 *
 * Not with the kexec lock held, which a panic needs to make a dump: notifiers
 * may take long. kho_check_kexec() comes after it, with that lock.
 *
 * Context: may sleep.
 * Return: 0: kexec goes on, or calls kho_kexec_failed(); an error: kexec must not go
 * on, the machine is as it was.
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
	return carries ? kho_out_seal(page_shift) : 0;
}

/**
 * kho_check_kexec() - see that nothing is in the way of executing an image
 * @image: the image that is about to be executed
 *
 * Context: holds the kexec lock, after kho_before_kexec(). May sleep.
 * Return: 0, or an error, as kho_before_kexec().
 */
int kho_check_kexec(struct kimage *image)
{
	if (image->kho) {
		if (kho_out_is_sealed_for(image->kho_page_shift))
			return kho_scratch_is_sound() ? 0 : -EIO;
		pr_err("another image was loaded meanwhile: try again\n");
		return -EAGAIN;
	}
	if (kho_out_is_active()) {
		pr_err("the image cannot carry the active handover: load it with kexec_file_load(2) (kexec -s) and kho=on on its command line, or echo 0 > /sys/kernel/kho/active\n");
		return -EBUSY;
	}
	if (!kho_track_empty())
		pr_warn("the image carries no handover: preserved memory is lost\n");
	/* But an image that jumps back here leaves this kernel as it is */
	if (!image->preserve_context)
		kho_in_forget();
	return 0;
}

/**
 * kho_kexec_failed() - kexec does not go on, after kho_before_kexec()
 */
void kho_kexec_failed(void)
{
	kho_track_unseal();
}

/**
 * kho_before_jump() - the last that this kernel does for a handover
 * @image: the image that is executed
 *
 * Context: all other CPUs have stopped, with whatever they held. Leaves interrupts
 * off, so that nothing else changes what is handed over.
 */
void kho_before_jump(const struct kimage *image)
{
	if (!image->kho)
		return;

	local_irq_disable();
	kho_out_jump();
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_image_test.c"
#endif
