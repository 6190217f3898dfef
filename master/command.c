/* UPSTREAM_COMMAND's words and program; see command.h. */
#include "master/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config_words.h"

/* Is path a file that may be executed? Returns 0 or -errno. */
static int
look_at(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return access(path, X_OK) == -1 ? -errno : 0;
}

/* The program word in the folder that begins at dir, n bytes long; "" is the current one. */
static int
look_in(const char *dir, size_t n, const char *word, char path[PATH_MAX])
{
	const int bytes =
	    snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, dir, n > 0 ? "/" : "./", word);

	if (bytes < 0 || bytes >= PATH_MAX)
		return -ENAMETOOLONG;
	return look_at(path);
}

int
command_find(const char *word, const char *search, char path[PATH_MAX])
{
	int worst = -ENOENT;

	if (strchr(word, '/') != NULL) {
		const int n = snprintf(path, PATH_MAX, "%s", word);

		return n >= 0 && n < PATH_MAX ? look_at(path) : -ENAMETOOLONG;
	}
	if (word[0] == '\0')
		return -ENOENT;
	for (const char *p = search != NULL ? search : COMMAND_PATH_DEFAULT;; p++) {
		const size_t n = strcspn(p, ":");
		const int r = look_in(p, n, word, path);

		if (r == 0)
			return 0;
		if (r == -EACCES)
			worst = r;
		p += n;
		if (*p == '\0')
			return worst;
	}
}

int
command_parse(const char *text, struct command_line *out, struct errmsg *why)
{
	int r;

	*out = (struct command_line){ .words = { 0 } };
	r = config_words_split(text, &out->words);
	if (r != 0) {
		errmsg_set(why, "UPSTREAM_COMMAND: %s", err_text(r));
		return r;
	}
	r = command_find(out->words.v[0], getenv("PATH"), out->path);
	if (r != 0)
		errmsg_set(why, "UPSTREAM_COMMAND: %s can't be executed: %s",
		    out->words.v[0], err_text(r));
	return r;
}

void
command_fini(struct command_line *c)
{
	strlist_wipe(&c->words); /* a key may be among them */
}

bool
command_may_know(const char *line)
{
	const size_t n = strcspn(line, "=");
	const size_t suffix = strlen("_proxy");

	if (line[n] != '=' || n == 0)
		return false;
	if ((n == 4 && memcmp(line, "PATH", n) == 0) ||
	    (n == 4 && memcmp(line, "HOME", n) == 0))
		return true;
	if (n <= suffix || (n == 11 && memcmp(line, "TRUST_PROXY", n) == 0))
		return false;
	return memcmp(line + n - suffix, "_proxy", suffix) == 0 ||
	    memcmp(line + n - suffix, "_PROXY", suffix) == 0;
}
