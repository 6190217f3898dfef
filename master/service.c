/*
 * Finding the service; see service.h. Runs in the CLI. The running master's settings
 * come from its status file, as an environment of their own: the one that the CLI
 * was started in, and the files on disk, may have changed since.
 */
#include "master/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <jansson.h>

#include "common/rundir.h"
#include "master/envfile.h"

/* Is the environment silent about which service is meant? */
static bool
env_is_silent(void)
{
	const char *telling[] = { "GATEHOUSE_CONFIG", "DATA_DIR", "RUN_DIR",
		"API_KEYS_FILE" };

	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
		const char *value = getenv(telling[i]);

		if (value != NULL && value[0] != '\0')
			return false;
	}
	return true;
}

/* config_load() with a list for an environment, which is wiped. */
static int
load_with(
    const char *file, struct strlist *env, struct config **out, struct strlist *faults)
{
	char **v = envfile_environ(env);
	int r = v != NULL ? config_load(file, v, out, faults) : -ENOMEM;

	free(v);
	strlist_wipe(env);
	return r;
}

int
service_load_config(const char *config_file, const char *env_file, struct config **out,
    struct strlist *faults)
{
	struct strlist env = { 0 };
	char text[sizeof(struct errmsg)];
	int r;

	if (config_file != NULL || !env_is_silent())
		return config_load(config_file, environ, out, faults);
	r = envfile_copy(environ, &env);
	if (r == 0)
		r = envfile_add(env_file, &env);
	if (r == 0)
		return load_with(NULL, &env, out, faults);
	(void)snprintf(text, sizeof(text), "%s: can't be read: %s", env_file, err_text(r));
	strlist_wipe(&env);
	return strlist_add(faults, text) == 0 ? r : -ENOMEM;
}

/* One line of the environment made from the master's status. */
static int
add_setting(struct strlist *env, const char *name, const json_t *value)
{
	char number[32];
	char *line = NULL;
	const char *text = json_string_value(value);
	int r;

	if (json_is_integer(value)) {
		(void)snprintf(
		    number, sizeof(number), "%lld", (long long)json_integer_value(value));
		text = number;
	} else if (json_is_boolean(value)) {
		text = json_is_true(value) ? "true" : "false";
	}
	if (text == NULL)
		return 0;
	if (asprintf(&line, "%s=%s", name, text) == -1)
		return -ENOMEM;
	r = strlist_add(env, line);
	free(line);
	return r;
}

/* The settings of the running master, and nothing else, as an environment. */
static int
env_from_status(const json_t *status, struct strlist *env)
{
	static const char *const fields[][2] = {
		{ "api_keys_file", "API_KEYS_FILE" },
		{ "settings_file", "SETTINGS_FILE" },
		{ "data_dir", "DATA_DIR" },
		{ "run_dir", "RUN_DIR" },
		{ "max_keys", "MAX_KEYS" },
		{ "strict_keys", "STRICT_KEYS" },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && r == 0; i++)
		r = add_setting(env, fields[i][1], json_object_get(status, fields[i][0]));
	return r;
}

/* A configuration file that says nothing: defaults and the environment alone hold. */
static int
empty_file(char *path, size_t room)
{
	int fd = memfd_create("gatehouse-no-file", MFD_CLOEXEC);

	if (fd == -1)
		return -errno;
	if (write(fd, "{}", 2) != 2) {
		close(fd);
		return -EIO;
	}
	(void)snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

/* The running master's configuration, as far as commands need it. */
static int
config_from_master(const char *run_dir, struct config **out, struct strlist *faults)
{
	struct strlist env = { 0 };
	json_t *status = NULL;
	char path[32];
	int fd = -1;
	int r = rundir_load_status(run_dir, &status);

	if (r == 0)
		r = env_from_status(status, &env);
	if (r == 0) {
		fd = empty_file(path, sizeof(path));
		r = fd < 0 ? fd : load_with(path, &env, out, faults);
	}
	if (fd >= 0)
		close(fd);
	strlist_wipe(&env);
	json_decref(status);
	return r;
}

/* Does a master serve from dir? Then it is the service. */
static bool
try_dir(struct service *s, const char *dir)
{
	if (dir == NULL || dir[0] == '\0' || rundir_find_master(dir, &s->master) != 0)
		return false;
	free(s->run_dir);
	s->run_dir = strdup(dir);
	return s->run_dir != NULL;
}

int
service_find(const char *config_file, struct service *out, struct strlist *faults)
{
	struct strlist running_faults = { 0 };
	struct config *running = NULL;
	struct service s = { 0 };
	int r = service_load_config(config_file, SERVICE_ENV_FILE, &s.config, faults);
	bool found;

	if (r == -ENOMEM)
		return r;
	if (s.config != NULL)
		found = try_dir(&s, s.config->run_dir);
	else
		found = try_dir(&s, getenv("RUN_DIR")) || try_dir(&s, getenv("DATA_DIR"));
	if (!found && config_file == NULL && env_is_silent())
		found = try_dir(&s, SERVICE_RUN_DIR);
	if (found && config_from_master(s.run_dir, &running, &running_faults) == 0) {
		config_destroy(&s.config);
		s.config = running;
		strlist_free(faults);
		r = 0;
	}
	strlist_free(&running_faults);
	if (s.run_dir == NULL && s.config != NULL)
		s.run_dir = strdup(s.config->run_dir);
	*out = s;
	return r;
}

void
service_fini(struct service *s)
{
	config_destroy(&s->config);
	free(s->run_dir);
	*s = (struct service){ 0 };
}
