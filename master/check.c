/*
 * The check; see check.h. Runs in the CLI. As strict as a reload: a key file with a
 * faulty entry, which a start would put up with, is a fault here.
 */
#include "master/check.h"

#include <errno.h>
#include <unistd.h>

#include "master/ctl.h"
#include "master/handover.h"
#include "master/inputs.h"
#include "master/resume.h"
#include "master/service.h"

/* Print all lines of l behind a word. */
static void
print_lines(FILE *f, const char *word, const struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		fprintf(f, "%s: %s\n", word, l->v[i]);
}

/* A folder that exists must be writable; a missing one is made by `run`. */
static int
check_dir(const char *name, const char *dir, struct strlist *faults)
{
	struct errmsg why;

	if (access(dir, W_OK | X_OK) == 0 || errno == ENOENT)
		return 0;
	errmsg_set(&why, "%s %s can't be written: %s", name, dir, err_text(-errno));
	return strlist_add(faults, why.text);
}

/* Read what the configuration names. */
static int
check_inputs(struct inputs *in, struct strlist *faults)
{
	int r = inputs_load(in, NULL, INPUTS_STRICT, faults);

	if (r != -ENOMEM && check_dir("DATA_DIR", in->config->data_dir, faults) != 0)
		r = -ENOMEM;
	if (r != -ENOMEM && check_dir("RUN_DIR", in->config->run_dir, faults) != 0)
		r = -ENOMEM;
	return r;
}

/* Name the faults, free everything. Returns the exit status. */
static int
conclude(int r, struct inputs *in, struct strlist *faults, FILE *err)
{
	print_lines(err, "fault", faults);
	if (r != 0 && faults->n == 0)
		fprintf(err, "fault: %s\n", err_text(r));
	if (faults->n > 0)
		r = ERR_INVALID;
	strlist_free(faults);
	inputs_fini(in);
	return r == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int
check_run(const char *config_file, FILE *out, FILE *err)
{
	struct strlist faults = { 0 };
	struct inputs in = { 0 };
	int r = service_load_config(config_file, SERVICE_ENV_FILE, &in.config, &faults);

	if (r == 0) {
		config_print(in.config, out);
		print_lines(err, "warning", &in.config->warnings);
		r = check_inputs(&in, &faults);
	}
	if (r == 0 && in.keys != NULL)
		print_lines(err, "warning", &in.keys->warnings);
	return conclude(r, &in, &faults, err);
}

int
check_upgrade(const char *config_file, FILE *out, FILE *err)
{
	const int fd = handover_find();
	struct strlist faults = { 0 };
	struct inputs in = { 0 };
	int r;

	if (fd == -1)
		return check_run(config_file, out, err);
	r = resume_check(config_file, fd, &in, &faults);
	return conclude(r, &in, &faults, err);
}
