/*
 * One change of a key on its way from the checked request to the answer. Runs in the admin
 * process, in its loop; the file is edited in the job thread (key_edit.h).
 */
#ifndef GATEHOUSE_ADMIN_API_KEY_CHANGE_H
#define GATEHOUSE_ADMIN_API_KEY_CHANGE_H

#include "admin/api.h"
#include "admin/key_edit.h"

/* The handler fills in edit (what is asked), action, status and forget. */
struct key_change {
	uint32_t magic;
	struct api_call *call;
	struct key_edit edit;
	const char *action; /* "key.create", ... */
	int status;         /* of the answer when all went well; 204: no body */
	bool forget;        /* the deleted key's usage, too */
};

/* Do it. Takes a copy of asked; answers the call, now or later. */
void key_change_submit(struct api_call *call, const struct key_change *asked);

#endif
