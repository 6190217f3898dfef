/*
 * Replacing a file as a whole: written beside it, synced, and put in its place by
 * one rename, so that there is no moment at which it is half there.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_SAVE_H
#define GATEHOUSE_COMMON_KEYFILE_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/err.h"

/* A new version that lies ready beside the file. */
struct keyfile_save {
	char *path;
	char *temp;
	bool is_new;
};

/*
 * Write the new version beside path (no symbolic link) and sync it.
 * like  owner, group and mode of the file there; NULL: there is none, it becomes
 *       mode 0600 and, when root writes it, the folder's owner's.
 * out   set on 0; end it with keyfile_save_finish() or keyfile_save_abort().
 * Returns 0 or -errno: then nothing is left behind.
 */
int keyfile_save_prepare(const char *path, const struct stat *like, const void *data,
    size_t n, struct keyfile_save *out, struct errmsg *why) MUSTCHECK;

/*
 * Put the new version in its place and free s, whatever the result.
 * Returns 0; ERR_CHANGED when a new file was to be made and somebody else made one;
 * -errno. But for 0 nothing has changed. On 0 why is empty, or says that the change
 * could not be synced and may not outlive a power loss.
 */
int keyfile_save_finish(struct keyfile_save *s, struct errmsg *why) MUSTCHECK;

/* Remove the new version and free s. A zero-filled s is fine. */
void keyfile_save_abort(struct keyfile_save *s);

#endif
