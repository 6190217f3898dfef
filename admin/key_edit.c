/* See key_edit.h. */
#include "admin/key_edit.h"

#include <errno.h>
#include <string.h>
#include <openssl/crypto.h>

#include "admin/key_list.h"

enum { TRIES = 2 };

static int
check_revision(struct key_edit *e)
{
	const struct key_row row = key_row_of(&e->before);
	char now[KEY_REVISION_BYTES];

	if (e->if_revision[0] == '\0')
		return 0;
	key_revision(&row, now);
	if (strcmp(now, e->if_revision) == 0)
		return 0;
	e->is_other_revision = true;
	errmsg_set(&e->why, "the key was changed meanwhile; nothing was changed");
	return ERR_CHANGED;
}

static int
apply(struct key_edit *e, struct keyfile_edit *file)
{
	struct keyfile_values v = e->values;

	v.description = e->text;
	switch (e->op) {
	case KEY_EDIT_CREATE:
		return keyfile_edit_create(file, e->id[0] != '\0' ? e->id : NULL, &v,
		    e->secret, e->after.id, &e->why);
	case KEY_EDIT_SET: return keyfile_edit_set(file, e->id, &v, &e->why);
	case KEY_EDIT_ROTATE:
		return keyfile_edit_rotate(file, e->id, e->grace_ms, e->secret, &e->why);
	case KEY_EDIT_DELETE: return keyfile_edit_delete(file, e->id, &e->why);
	}
	return -EINVAL;
}

/* The key as it was, as far as it can be read: a faulty one can still be deleted. */
static int
look(struct key_edit *e, struct keyfile_edit *file)
{
	int r;

	if (e->op == KEY_EDIT_CREATE)
		return 0;
	r = keyfile_edit_get(file, e->id, &e->before, &e->why);
	if (r == ERR_INVALID && e->op == KEY_EDIT_DELETE && e->if_revision[0] == '\0')
		return 0;
	return r != 0 ? r : check_revision(e);
}

static int
change(struct key_edit *e, struct keyfile_edit *file)
{
	char id[KEY_ID_MAX + 1];
	int r = look(e, file);

	if (r == 0)
		r = apply(e, file);
	if (r == 0 && e->op != KEY_EDIT_DELETE) {
		memcpy(id, e->op == KEY_EDIT_CREATE ? e->after.id : e->id, sizeof(id));
		r = keyfile_edit_get(file, id, &e->after, &e->why);
	}
	if (r != 0)
		return r;
	e->why = (struct errmsg){ "" };
	return keyfile_edit_commit(file, &e->why);
}

static int
try_once(struct key_edit *e)
{
	struct keyfile_edit *file = NULL;
	int r;

	e->why = (struct errmsg){ "" };
	r = keyfile_edit_open(e->path, e->max_keys, e->now_ms, &file, &e->why);
	if (r == 0)
		r = change(e, file);
	keyfile_edit_close(&file);
	if (r != 0)
		OPENSSL_cleanse(e->secret, sizeof(e->secret));
	return r;
}

void
key_edit_run(struct key_edit *e)
{
	for (unsigned i = 0; i < TRIES; i++) {
		e->result = try_once(e);
		if (e->result != ERR_CHANGED || e->is_other_revision)
			return;
	}
}

void
key_edit_wipe(struct key_edit *e)
{
	OPENSSL_cleanse(e->secret, sizeof(e->secret));
	OPENSSL_cleanse(&e->before, sizeof(e->before));
	OPENSSL_cleanse(&e->after, sizeof(e->after));
}
