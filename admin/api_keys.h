/*
 * Handlers of keys/ that change something, for the table in api_keys.c alone. Each change is
 * a job (key_edit.h), is noted in the audit as soon as it is in the file, and is answered
 * when the master has put it in force.
 */
#ifndef GATEHOUSE_ADMIN_API_KEYS_H
#define GATEHOUSE_ADMIN_API_KEYS_H

#include "admin/api.h"

void api_keys_create(struct api_call *call);
void api_keys_patch(struct api_call *call);
void api_keys_delete(struct api_call *call);
void api_keys_rotate(struct api_call *call);
void api_keys_revoke(struct api_call *call);
void api_keys_enable(struct api_call *call);

/* Answer that the key file can't be read or written: r and why of key_list.h, key_edit.h. */
void api_keys_reply_file(struct api_call *call, int r, const struct errmsg *why);

#endif
