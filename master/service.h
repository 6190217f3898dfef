/*
 * Which gatehouse a command acts on, and its configuration: that of the running
 * master, else from -c and the environment, else from /etc/gatehouse/gatehouse.env.
 */
#ifndef GATEHOUSE_MASTER_SERVICE_H
#define GATEHOUSE_MASTER_SERVICE_H

#include <sys/types.h>

#include "common/config.h"
#include "common/err.h"

#define SERVICE_ENV_FILE "/etc/gatehouse/gatehouse.env"
#define SERVICE_RUN_DIR "/run/gatehouse" /* as the systemd unit sets it */

struct service {
	struct config *config; /* NULL: it is faulty, and no master runs to ask */
	char *run_dir;
	pid_t master; /* 0: none runs */
};

/*
 * Read the configuration as `gatehouse run` would be given it: from config_file and
 * the environment. With neither -c nor a name in the environment that says where
 * the service is (GATEHOUSE_CONFIG, DATA_DIR, RUN_DIR, API_KEYS_FILE), env_file
 * supplies what the environment lacks.
 * Returns what config_load() does, or -errno for an env_file that can't be read.
 */
int service_load_config(const char *config_file, const char *env_file,
    struct config **out, struct strlist *faults) MUSTCHECK;

/*
 * Find the service. With a master running, its status says which files it uses, also
 * when the configuration on disk has become faulty since.
 * faults  why there is no configuration; owned by the caller.
 * Returns 0, or ERR_INVALID and the like with config NULL. service_fini() in both cases.
 */
int service_find(
    const char *config_file, struct service *out, struct strlist *faults) MUSTCHECK;

void service_fini(struct service *s);

#endif
