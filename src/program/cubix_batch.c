/* cubix-batch -- a cube for every row of a table, on one allocation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/cores.h"
#include "mpi/comm/group.h"
#include "program/batch.h"
#include "program/batch_status.h"
#include "program/console.h"
#include "version.h"

static const char usage[] =
    "cubix-batch " CUBIX_VERSION ": a cube for every row of a table of parameters\n"
    "\n"
    "  cubix-batch [options] TABLE [PARAMFILE] [Name=value ...]    alone or under mpirun\n"
    "  cubix-batch --status TABLE                                  how far it is, and which rows failed\n"
    "  cubix-batch --version\n"
    "\n"
    "TABLE is a CSV, ECSV or HDF5 file.  A column whose name begins with a capital letter is a parameter of cubix,\n"
    "and goes before PARAMFILE and command line; an empty cell leaves those.  `Name [unit]` or an ECSV header give\n"
    "its numbers a unit.  Other columns are labels.  In OutputFile {Name} stands for a parameter or label of the\n"
    "row and {row} for its number; without any, and without a column OutputFile, _{row} is put before the suffix.\n"
    "\n"
    "The journal tells which rows are done: the same command again makes those that are left, and those that failed.\n"
    "SIGTERM, SIGINT, SIGUSR1, SIGUSR2 and SIGXCPU let the rows at work end, and no other begin; a second one ends\n"
    "the program at once.\n"
    "\n"
    "  --ranks-per-row N  ranks that work together on a row, or all (default: 1); auto: 1, but first all ranks\n"
    "                     together make the rows that hold more than a rank's share of all stars\n"
    "  --stack FILE.hdf5  all cubes in one file, those of an instrument and size as one array (cubix.dataset in "
    "Python\n"
    "                     reads it); OutputFile is not needed then\n"
    "  --journal FOLDER   of the journal (default: TABLE without its suffix, with -journal)\n"
    "  --status           print what the journal says, and make nothing\n"
    "  -q                 only warnings and errors\n"
    "  -v                 where an error came from\n"
    "\n"
    "Example\n"
    "  cubix-batch views.csv muse.param OutputFile=cubes/g{GroupIndex}_i{Inclination}.fits\n"
    "  mpirun -np 64 cubix-batch views.csv muse.param TemplateCache=templates\n"
    "\n"
    "Exit status as that of cubix; 1 also where rows have failed, 130 where a signal has left some.\n";

struct command { struct cubix_batch_options batch; int answered, status; char journal[CUBIX_DISK_PATH]; };

/* @return the value of an option, from the same word or the next; NULL: it is another */
static const char *value_of(int *i, int argc, char **argv, const char *option)
{
  const size_t n = strlen(option);
  if (!strncmp(argv[*i], option, n) && argv[*i][n] == '=') return argv[*i] + n + 1;
  if (strcmp(argv[*i], option) || *i + 1 == argc) return NULL;
  return argv[++*i];
}

static int read_team(int *team, const char *text)
{
  int status = CUBIX_OK;
  char *end;
  const long n = strtol(text, &end, 10);
  const int all = !strcmp(text, "all"), by_size = !strcmp(text, "auto");
  CUBIX_CHECK(all || by_size || (*text && !*end && n >= 1 && n <= 1000000), CUBIX_EUSAGE,
              "--ranks-per-row %s must be a number from 1 on, all, or auto", text);
  *team = all ? 0 : by_size ? CUBIX_TEAM_AUTO : (int)n;
done:
  return status;
}

static int read_command(struct command *c, int argc, char **argv)
{
  int status = CUBIX_OK, i = 1;
  struct cubix_batch_options *o = &c->batch;
  const char *value;
  o->team = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
    const char *a = argv[i];
    c->answered = !strcmp(a, "--help") || !strcmp(a, "-h") ? 1 : !strcmp(a, "--version") ? 2 : 0;
    if (c->answered) goto done;
    if (!strcmp(a, "--status")) c->status = 1;
    else if (!strcmp(a, "-q")) o->quiet = 1;
    else if (!strcmp(a, "-v")) o->verbose = 1;
    else if ((value = value_of(&i, argc, argv, "--journal"))) o->journal = value;
    else if ((value = value_of(&i, argc, argv, "--stack"))) o->stack = value;
    else if ((value = value_of(&i, argc, argv, "--ranks-per-row"))) CUBIX_TRY(read_team(&o->team, value));
    else CUBIX_CHECK(0, CUBIX_EUSAGE, "unknown option %s, or one without a value; cubix-batch --help lists all", a);
  }
  CUBIX_CHECK(i < argc, CUBIX_EUSAGE, "no table given; cubix-batch --help shows how");
  o->table = argv[i++];
  if (i < argc && !strchr(argv[i], '=')) o->base = argv[i++];
  o->override = argv + i;
  o->n_override = argc - i;
  for (; i < argc; i++)
    CUBIX_CHECK(strchr(argv[i], '='), CUBIX_EUSAGE,
                "%s after table and parameter file must read Name=value; options come first", argv[i]);
done:
  return status;
}

/* The folder of the journal. */
static int name_journal(struct command *c)
{
  int status = CUBIX_OK;
  const char *table = c->batch.table, *slash = strrchr(table, '/'), *dot = strrchr(slash ? slash : table, '.');
  const int n = c->batch.journal
                    ? snprintf(c->journal, sizeof c->journal, "%s", c->batch.journal)
                    : snprintf(c->journal, sizeof c->journal, "%.*s-journal",
                               (int)(dot ? (size_t)(dot - table) : strlen(table)), table);
  CUBIX_CHECK(n > 0 && n < (int)sizeof c->journal, CUBIX_EUSAGE,
              "a name of %d characters for the journal, 1 to %zu are possible; name another with --journal", n,
              sizeof c->journal - 1);
done:
  return status;
}

/* What is left to say when all teams have ended. */
static int tell_end(int *exit_status, const struct cubix_batch_end *end, const char *journal)
{
  int status = CUBIX_OK;
  const size_t left = end->n_row - end->n_before - end->n_done - end->n_failed;
  CUBIX_TRY(cubix_batch_report(journal));
  cubix_log(CUBIX_LOG_INFO, "%zu rows: %zu made, %zu made before, %zu failed, %zu left%s", end->n_row, end->n_done,
            end->n_before, end->n_failed, left,
            left || end->n_failed ? "; the same command makes what is missing" : "");
  *exit_status = left && end->signal ? 130 : end->n_failed ? 1 : 0;
done:
  return status;
}

int main(int argc, char **argv)
{
  struct command command = { .answered = 0 };
  struct cubix_batch_end end = { .n_row = 0 };
  int status, started, root, ended = 0;

  status = read_command(&command, argc, argv);
  if (!status && command.answered == 1) fputs(usage, stdout);
  if (!status && command.answered == 2) printf("cubix-batch %s (%s)\n", CUBIX_VERSION, CUBIX_COMMIT);
  if (!status && command.answered) return 0;
  if (!status) status = name_journal(&command);
  started = cubix_mpi_start(&argc, &argv);
  if (!status) status = started;
  root = cubix_mpi_rank() == 0;
  cubix_console_open("cubix-batch", root, command.batch.quiet, command.batch.verbose);
  cubix_console_catch_signals("cubix-batch", root, cubix_atomic_file_abandon);
  if (status) goto done;
  if (command.status) {
    CUBIX_TRY(cubix_mpi_agree(root ? cubix_batch_status(command.journal) : CUBIX_OK));
    goto done;
  }
  cubix_mpi_cores_warn();
  CUBIX_TRY(cubix_batch(&end, &command.batch, command.journal));
  CUBIX_TRY(cubix_mpi_agree(root ? tell_end(&ended, &end, command.journal) : CUBIX_OK));
done:
  if (status) cubix_console_error("cubix-batch", command.batch.verbose);
  status = cubix_mpi_finish(status);
  return status ? status : ended;
}
