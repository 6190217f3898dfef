/*
 * The master's folders, locks and UNIX socket; see premises.h. The socket is bound
 * through /proc/self/fd, so that the length of RUN_DIR's path does not matter, and
 * handed to the workers as /proc/self/fd/N, so that they reach it whatever the
 * folders above it allow; its own mode decides who may.
 */
#include "master/premises.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/rundir.h"

enum {
	MADE_DIR_MODE = 0711, /* workers pass through; names inside are nobody's business */
	SOCKET_MODE = 0660,
	SOCKET_BACKLOG = 256,
};

/*
 * May the folder be given to admin's user? Only one that is empty or that a gatehouse
 * has used before: a wrong DATA_DIR must not change the owner of somebody's files.
 */
static bool
is_ours(int dir_fd)
{
	struct dirent *e;
	bool ours = true;
	DIR *d;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (faccessat(dir_fd, RUNDIR_DATA_LOCK, F_OK, 0) == 0) {
		if (fd != -1)
			close(fd);
		return true;
	}
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return false;
	}
	while ((e = readdir(d)) != NULL && ours)
		ours = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(d);
	return ours;
}

/* Give dir_fd/name, and all files right in it if it is a folder, to owner. What is not
 * there is none of our business. Returns 0 or -errno. */
static int
give(int dir_fd, const char *name, const struct identity *owner)
{
	struct dirent *e;
	DIR *d;
	int r = 0;
	int fd;

	if (fchownat(dir_fd, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOTDIR ? 0 : -errno;
	d = fdopendir(fd);
	if (d == NULL) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (fchownat(dirfd(d), e->d_name, owner->uid, owner->gid,
			AT_SYMLINK_NOFOLLOW) == -1)
			r = -errno;
	}
	closedir(d);
	return r;
}

/*
 * As root: let DATA_DIR, and in it the ledger, sessions and admin tokens, belong to admin's
 * user, who may have been another one at the last start. Arenas are settle.c's. Returns 0
 * or -errno.
 */
static int
give_data(const char *dir, const struct identity *admin)
{
	struct stat st;
	int fd, r = 0;

	if (!admin->drop)
		return 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		r = -errno;
	else if (st.st_uid != admin->uid && is_ours(fd) &&
	    fchown(fd, admin->uid, admin->gid) == -1)
		r = -errno;
	if (r == 0)
		r = give(fd, "ledger", admin);
	if (r == 0)
		r = give(fd, "ledger.lock", admin);
	if (r == 0)
		r = give(fd, "sessions.json", admin);
	if (r == 0)
		r = give(fd, "admin_tokens.json", admin);
	if (fd != -1)
		close(fd);
	return r;
}

/* Make dir if it is missing. Returns 0 or -errno. */
static int
make_dir(const char *dir, const struct identity *owner)
{
	if (mkdir(dir, MADE_DIR_MODE) == -1)
		return errno == EEXIST ? 0 : -errno;
	if (chmod(dir, MADE_DIR_MODE) == -1)
		return -errno;
	if (owner->drop && chown(dir, owner->uid, owner->gid) == -1)
		return -errno;
	return 0;
}

/* Make and lock one folder. setting names it in why. */
static int
take_dir(const char *setting, const char *dir, const char *lock_name,
    const struct identity *owner, int *lock_out, struct errmsg *why)
{
	int r = make_dir(dir, owner);

	if (r == 0)
		r = rundir_lock(dir, lock_name, lock_out);
	if (r == -EWOULDBLOCK)
		errmsg_set(why, "%s %s is in use by another gatehouse", setting, dir);
	else if (r != 0)
		errmsg_set(why, "%s %s can't be written: %s", setting, dir, err_text(r));
	return r;
}

struct premises
premises_none(void)
{
	return (struct premises){
		.data_lock = -1, .pid_lock = -1, .admin_fd = -1, .admin_node = -1
	};
}

int
premises_open(const struct config *cfg, const struct identity *admin,
    struct premises *out, struct errmsg *why)
{
	int r = -ENOMEM;

	*out = premises_none();
	out->data_dir = strdup(cfg->data_dir);
	out->run_dir = strdup(cfg->run_dir);
	if (out->data_dir == NULL || out->run_dir == NULL)
		errmsg_set(why, "%s", err_text(r));
	else if ((r = make_dir(out->data_dir, admin)) != 0 ||
	    (r = give_data(out->data_dir, admin)) != 0)
		errmsg_set(
		    why, "DATA_DIR %s can't be written: %s", out->data_dir, err_text(r));
	else
		r = take_dir("DATA_DIR", out->data_dir, RUNDIR_DATA_LOCK, admin,
		    &out->data_lock, why);
	if (r == 0)
		r = take_dir(
		    "RUN_DIR", out->run_dir, RUNDIR_PID_FILE, admin, &out->pid_lock, why);
	if (r != 0)
		premises_close(out);
	else
		out->after_crash = rundir_remove_status(out->run_dir);
	return r;
}

/* A listening UNIX socket at name in the folder dir_fd. Returns a descriptor or -errno. */
static int
bind_in(int dir_fd, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;
	int r;

	(void)snprintf(
	    un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	if (unlinkat(dir_fd, name, 0) == -1 && errno != ENOENT)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 &&
	    listen(fd, SOCKET_BACKLOG) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Let the workers' group connect, and nobody else. */
static int
open_to_group(int dir_fd, const char *name, const struct identity *worker)
{
	if (worker->drop && fchownat(dir_fd, name, (uid_t)-1, worker->gid, 0) == -1)
		return -errno;
	return fchmodat(dir_fd, name, SOCKET_MODE, 0) == -1 ? -errno : 0;
}

static int
make_socket(struct premises *p, int dir_fd, const struct identity *worker)
{
	int r;

	p->admin_fd = bind_in(dir_fd, RUNDIR_ADMIN_SOCKET);
	if (p->admin_fd < 0) {
		r = p->admin_fd;
		p->admin_fd = -1;
		return r;
	}
	r = open_to_group(dir_fd, RUNDIR_ADMIN_SOCKET, worker);
	if (r != 0)
		return r;
	p->admin_node = openat(dir_fd, RUNDIR_ADMIN_SOCKET, O_PATH | O_CLOEXEC);
	if (p->admin_node == -1)
		return -errno;
	(void)snprintf(
	    p->admin_path, sizeof(p->admin_path), "/proc/self/fd/%d", p->admin_node);
	return 0;
}

int
premises_open_socket(struct premises *p, const struct identity *worker, struct errmsg *why)
{
	int dir_fd = open(p->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = dir_fd == -1 ? -errno : make_socket(p, dir_fd, worker);

	if (r != 0)
		errmsg_set(why, "%s/%s can't be made: %s", p->run_dir,
		    RUNDIR_ADMIN_SOCKET, err_text(r));
	if (dir_fd != -1)
		close(dir_fd);
	return r;
}

int
premises_resume(struct premises *p, const char *data_dir, const char *run_dir)
{
	p->data_dir = strdup(data_dir);
	p->run_dir = strdup(run_dir);
	(void)snprintf(
	    p->admin_path, sizeof(p->admin_path), "/proc/self/fd/%d", p->admin_node);
	return p->data_dir != NULL && p->run_dir != NULL ? 0 : -ENOMEM;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
premises_leave(struct premises *p, bool keep_admin_socket)
{
	close_fd(&p->data_lock);
	close_fd(&p->pid_lock);
	if (!keep_admin_socket)
		close_fd(&p->admin_fd);
}

void
premises_close(struct premises *p)
{
	char path[PATH_MAX];

	if (p->admin_fd != -1) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", p->run_dir, RUNDIR_ADMIN_SOCKET);
		(void)unlink(path);
	}
	close_fd(&p->admin_fd);
	close_fd(&p->admin_node);
	if (p->pid_lock != -1)
		(void)rundir_remove_status(p->run_dir);
	rundir_unlock(p->run_dir, RUNDIR_PID_FILE, &p->pid_lock);
	rundir_unlock(p->data_dir, RUNDIR_DATA_LOCK, &p->data_lock);
	free(p->run_dir);
	free(p->data_dir);
	p->run_dir = NULL;
	p->data_dir = NULL;
}
