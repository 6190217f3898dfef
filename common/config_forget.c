/*
 * Leaving secrets behind: a role wipes those that are not its own. Runs in a child right
 * after the fork.
 */
#include "common/config.h"

#include <string.h>
#include <openssl/crypto.h>

#include "common/config_table.h"

static bool
is_kept(const char *name, const char *const *keep)
{
	for (; *keep != NULL; keep++)
		if (strcmp(*keep, name) == 0)
			return true;
	return false;
}

static void
wipe(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
}

void
config_forget(struct config *cfg, const char *const *keep)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		if (!(rows[i].flags & CONFIG_SECRET) || rows[i].type == CONFIG_IGNORED ||
		    is_kept(rows[i].name, keep))
			continue;
		if (rows[i].type == CONFIG_STRING) {
			wipe(*(char **)config_field(cfg, &rows[i]));
		} else {
			struct strlist *list = config_field(cfg, &rows[i]);

			for (size_t j = 0; j < list->n; j++)
				wipe(list->v[j]);
		}
	}
}
