/* The master's process; see process.h. */
#include "master/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "master/rights.h"

void
process_blank(struct master *m)
{
	m->pid = getpid();
	m->notify.fd = -1;
	m->house.signal_fd = m->house.reload_pipe[0] = m->house.reload_pipe[1] = -1;
	m->house.shared = (struct shared){ .published_fd = -1, .state_fd = -1 };
	m->house.premises = premises_none();
}

/* The master's signals are read from a descriptor; nothing interrupts it. */
static int
take_signals(struct house *h)
{
	const int mine[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD };
	sigset_t set;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		sigaddset(&set, mine[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	h->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return h->signal_fd == -1 ? -errno : 0;
}

/* Descriptors 0 to 2 are taken, so that none of ours is one of them. */
static int
fill_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd == -1)
		return -errno;
	close(fd);
	return 0;
}

int
process_take(struct house *h, struct errmsg *why)
{
	int r = fill_streams();

	if (r == 0)
		r = rights_take();
	if (r == 0)
		r = take_signals(h);
	if (r != 0)
		errmsg_set(why, "the process can't be set up: %s", err_text(r));
	return r;
}

void
process_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}
