/* Reading environment files; see envfile.h. Runs in the CLI. Values may be secrets. */
#include "master/envfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of NAME= at the front of line, 0 when it has none. */
static size_t
name_bytes(const char *line)
{
	const char *eq = strchr(line, '=');

	return eq != NULL && eq != line ? (size_t)(eq - line) + 1 : 0;
}

static bool
has_name(const struct strlist *env, const char *line)
{
	const size_t n = name_bytes(line);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], line, n) == 0)
			return true;
	return false;
}

/* Cut blanks off both ends. */
static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
		n--;
	s[n] = '\0';
	return s;
}

/* Take the quotes off a value that stands in a pair of them. */
static void
unquote(char *value)
{
	const size_t n = strlen(value);

	if (n < 2 || (value[0] != '"' && value[0] != '\'') || value[n - 1] != value[0])
		return;
	memmove(value, value + 1, n - 2);
	value[n - 2] = '\0';
}

static int
add_line(char *raw, struct strlist *env)
{
	char *line = trim(raw);

	if (*line == '#' || *line == ';' || name_bytes(line) == 0 || has_name(env, line))
		return 0;
	unquote(line + name_bytes(line));
	return strlist_add(env, line);
}

int
envfile_add(const char *path, struct strlist *env)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int r = 0;

	if (f == NULL)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	while (r == 0 && getline(&line, &room, f) != -1)
		r = add_line(line, env);
	if (r == 0 && ferror(f))
		r = -EIO;
	if (line != NULL)
		explicit_bzero(line, room);
	free(line);
	(void)fclose(f);
	return r;
}

int
envfile_copy(char *const *env, struct strlist *out)
{
	for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
		if (strlist_add(out, env[i]) != 0) {
			strlist_wipe(out);
			return -ENOMEM;
		}
	}
	return 0;
}

char **
envfile_environ(const struct strlist *env)
{
	char **v = calloc(env->n + 1, sizeof(*v));

	if (v != NULL && env->n > 0)
		memcpy(v, env->v, env->n * sizeof(*v));
	return v;
}
