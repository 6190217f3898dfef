/*
 * All that the master knows, as one struct, for the files of this folder; no
 * functions but the smallest. Single-threaded; children get a copy by fork.
 *
 * Times are ms of the monotonic clock. Every step of the loop is given the same
 * `now`, and asks to be called again by state_wake_at().
 */
#ifndef GATEHOUSE_MASTER_STATE_H
#define GATEHOUSE_MASTER_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "common/arena.h"
#include "common/proctitle.h"
#include "common/shared.h"
#include "master/backoff.h"
#include "master/ending.h"
#include "master/identity.h"
#include "master/inputs.h"
#include "master/listen.h"
#include "master/premises.h"
#include "master/task.h"

#define STATE_NEVER UINT64_MAX

enum {
	STATE_POLL_MS = 10,      /* while something is about to happen in shared memory */
	STATE_TICK_MS = 1000,    /* otherwise */
	STATE_READY_MS = 30000,  /* a worker that is not ready by then is replaced */
	STATE_ADMIN_MS = 10000,  /* for admin's last flush */
	STATE_RESOLVE_MS = 3000, /* the first workers wait for upstream's name */
	STATE_TICKETS_MS = 3600000 /* between two ticket keys */
};

/* The place of one child, whichever process fills it. */
struct place {
	pid_t pid; /* 0: empty */
	uint64_t started_ms;
	uint64_t respawn_ms; /* when a successor is due; STATE_NEVER: none is */
	struct backoff backoff;
	uint32_t seen_phase; /* workers: as the scoreboard last said */
	struct arena *arena; /* workers: owned; NULL: not begun, or retired */
};

enum generation_state {
	GENERATION_FREE,    /* no process, nothing owned */
	GENERATION_RISING,  /* a reload's: not all ready yet; one death cancels it */
	GENERATION_SERVING, /* the current one: its dead are replaced */
	GENERATION_LEAVING, /* drains; its dead are not replaced */
};

/* The workers that were forked with one configuration; at number % 4 in the master. */
struct generation {
	uint64_t number;
	enum generation_state state;
	struct inputs inputs; /* without keys: those are published */
	struct ending ending;
	uint32_t alive;
	int last_status;       /* of the last of its workers that died */
	uint64_t last_refused; /* and the system call that it noted */
	int old_state_fd; /* 0: none; its workers use this region, of an older layout */
	struct place places[CONFIG_MAX_WORKERS];
};

/* The admin process. */
struct admin_child {
	struct place place;
	struct ending ending; /* a restart with another configuration, or the end */
};

/* UPSTREAM_COMMAND's process. */
struct upstream_process {
	struct place place;
	char *command; /* owned: what it was started with; NULL: never */
	bool id_known;
	struct identity id;
	char *home; /* owned: HOME, where the ids are not the master's */
	bool leaving, killed;
	uint64_t kill_ms; /* leaving: when patience ends */
	bool hurry;
	uint64_t restarts;
};

enum reload_step {
	RELOAD_IDLE,
	RELOAD_ROOM,         /* waits for the place of the oldest generation */
	RELOAD_RISING,       /* waits for the new workers */
	RELOAD_HANDING_OVER, /* waits until the old ones take no more connections */
};

struct reload {
	struct task task;
	enum reload_step step;
	struct inputs next; /* of a reload that waits for room */
};

enum upgrade_step {
	UPGRADE_IDLE,
	UPGRADE_ROOM,         /* waits for the place of the oldest generation */
	UPGRADE_CHECKING,     /* the new executable checks itself */
	UPGRADE_RISING,       /* this is the new one: waits for its workers */
	UPGRADE_HANDING_OVER, /* and until the old ones take no more connections */
};

/* SIGUSR2; see upgrade.h. */
struct upgrade {
	struct task task;
	enum upgrade_step step;
	pid_t check_pid; /* 0: it does not run */
	int check_fd;    /* its standard error; 0: none */
	uint64_t check_until_ms;
	bool check_ended;
	int check_status;
	char said[4096];
	size_t said_n;
	bool begun;      /* rising: the workers were forked */
	uint64_t target; /* rising: their generation */
};

/* After an upgrade: regions that this program can't read. */
struct resumed {
	bool is_stale;
	int published_fd, state_fd;
};

/* How a file looked when it was last read; all zero: not there. */
struct file_mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

/* Key file and settings, looked at once a second. */
struct watch {
	struct file_mark keys, settings, models;
	uint64_t next_ms;
	bool pending;      /* changed, and not published yet */
	uint64_t since_ms; /* pending: since when */
};

/* DATA_DIR/journal; see settle.h. */
struct journal {
	char *dir;
	struct arena *next[CONFIG_MAX_WORKERS]; /* made for a generation to come */
	uint32_t next_slots;                    /* of each of these; 0: none are made */
	struct strlist left;                    /* paths of those in use at the start */
	uint64_t look_ms;                       /* when these are looked at again */
};

/* See enact.h. */
struct enact {
	bool wanted; /* asked for, and not begun yet */
};

/* See roll.h. */
struct roll {
	bool rising;       /* the generation after the current one shares its inputs */
	uint64_t again_ms; /* not before */
};

enum notify_state { NOTIFY_STARTING, NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING };

/* See notify.h. */
struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un to;
	socklen_t to_bytes;
	enum notify_state told;
	char line[128];
	uint64_t watchdog_ms; /* between two signs of life; 0: none is asked for */
	uint64_t watchdog_due_ms;
	bool failing;
};

enum master_phase {
	MASTER_RESOLVING, /* admin runs, and looks up upstream's name */
	MASTER_STARTING,  /* the first workers were forked */
	MASTER_READY,     /* all of them have been ready */
	MASTER_DRAINING,  /* workers leave */
	MASTER_CLOSING,   /* no worker is left; admin leaves */
	MASTER_GONE,
};

/* What the children are started with, and where they run. */
struct house {
	struct shared shared;
	struct listeners listeners;
	struct premises premises;
	struct identity worker_id, admin_id;
	int signal_fd;
	int reload_pipe[2]; /* admin writes [1] */
};

struct master {
	const char *config_file; /* the -c option, or NULL */
	char exe[PATH_MAX];      /* where this program was when it was started */
	struct proctitle title;
	pid_t pid;
	uint32_t workers; /* slots; fixed at the start */
	enum master_phase phase;
	struct house house;
	struct generation generations[SHARED_MAX_GENERATIONS];
	uint64_t current;     /* number of the serving generation */
	uint64_t promoted_ms; /* when it became that */
	struct admin_child admin;
	struct upstream_process upstream;
	struct reload reload;
	struct upgrade upgrade;
	struct resumed resumed;
	struct notify notify;
	struct journal journal;
	struct roll roll;
	struct watch watch;
	struct enact enact;
	struct ticket_keys tickets;
	uint64_t tickets_ms; /* when the next one is due */
	uint64_t expiry_ms;  /* when certificates are looked at for their end */
	uint64_t resolve_ms; /* until when the first workers wait */
	uint64_t wake_ms;    /* when the loop must run again */
	uint64_t worker_restarts, admin_restarts;
	int64_t started_wall_ms;
	bool status_dirty, status_failing;
};

/* The generation of that number, or the free place that it would take. */
static inline struct generation *
state_generation(struct master *m, uint64_t number)
{
	return &m->generations[number % SHARED_MAX_GENERATIONS];
}

/* The configuration in force. */
static inline const struct config *
state_config(struct master *m)
{
	return state_generation(m, m->current)->inputs.config;
}

/* The one whose keys, settings and models were published last: a reload publishes its own
 * before its workers serve. */
static inline struct config *
state_published_config(struct master *m)
{
	switch (m->reload.step) {
	case RELOAD_ROOM: return m->reload.next.config;
	case RELOAD_RISING: return state_generation(m, m->current + 1)->inputs.config;
	case RELOAD_HANDING_OVER:
	case RELOAD_IDLE: break;
	}
	return state_generation(m, m->current)->inputs.config;
}

/* Run the loop again at ms at the latest. */
static inline void
state_wake_at(struct master *m, uint64_t ms)
{
	if (ms < m->wake_ms)
		m->wake_ms = ms;
}

/* Is the master on its way out? */
static inline bool
state_is_stopping(const struct master *m)
{
	return m->phase >= MASTER_DRAINING;
}

#endif
