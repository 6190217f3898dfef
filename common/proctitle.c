/*
 * Process titles; see proctitle.h. Runs in the master before its first fork, and
 * in each child after it. Single-threaded by that.
 */
#include "common/proctitle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TITLE_BYTES = 256 };

static char *no_env[] = { NULL };

static void
env_free(char **env)
{
	if (env == NULL)
		return;
	for (size_t i = 0; env[i] != NULL; i++) {
		explicit_bzero(env[i], strlen(env[i]));
		free(env[i]);
	}
	free(env);
}

/* A copy of env on the heap; NULL when memory is short. */
static char **
env_copy(char *const *env)
{
	char **copy;
	size_t n = 0;

	while (env[n] != NULL)
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(env[i]);
		if (copy[i] == NULL) {
			env_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* The end of the strings of v that lie one behind the other from `end` on. */
static char *
contiguous_end(char *const *v, char *end)
{
	for (size_t i = 0; v[i] != NULL; i++)
		if (v[i] == end)
			end += strlen(v[i]) + 1;
	return end;
}

int
proctitle_init(struct proctitle *t, int argc, char **argv)
{
	char **copy = env_copy(environ);
	char *env_end;

	if (copy == NULL)
		return -ENOMEM;
	*t = (struct proctitle){ .env = copy };
	if (argc > 0) {
		t->area = argv[0];
		env_end = contiguous_end(environ, contiguous_end(argv, argv[0]));
		t->bytes = (size_t)(env_end - t->area);
	}
	for (size_t i = 0; environ[i] != NULL; i++)
		explicit_bzero(environ[i], strlen(environ[i]));
	environ = copy;
	return 0;
}

void
proctitle_set(struct proctitle *t, const char *fmt, ...)
{
	char text[TITLE_BYTES] = "";
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)prctl(PR_SET_NAME, text, 0, 0, 0); /* the kernel keeps 15 bytes */
	if (t->bytes == 0)
		return;
	n = strnlen(text, t->bytes - 1);
	memset(t->area, 0, t->bytes);
	memcpy(t->area, text, n);
}

void
proctitle_unset_env(struct proctitle *t, const char *name)
{
	const size_t n = strlen(name);
	size_t kept = 0;

	for (size_t i = 0; t->env != NULL && t->env[i] != NULL; i++) {
		if (strncmp(t->env[i], name, n) != 0 || t->env[i][n] != '=') {
			t->env[kept++] = t->env[i];
			continue;
		}
		explicit_bzero(t->env[i], strlen(t->env[i]));
		free(t->env[i]);
	}
	if (t->env != NULL)
		t->env[kept] = NULL;
}

void
proctitle_wipe_env(struct proctitle *t)
{
	environ = no_env;
	env_free(t->env);
	t->env = NULL;
}
