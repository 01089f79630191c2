#define _POSIX_C_SOURCE 200809L
/* text.c -- a text file that rank 0 reads and all know: parameters. */
#include "mpi/comm/text.h"

#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "params/params.h"

/* A text file, "-" for standard input, opened.  A FIFO is as good as a file once somebody
 * writes to it, as in `cubix <(program)`; a writer that does not come is waited for, but not for
 * ever: opened without blocking, read() finds 0 bytes before a writer comes and EAGAIN once it is
 * there. @param[in,out] used bytes that this took out of a FIFO already */
static int open_text(int *in, const char *path, const char *what, char *buffer, size_t room, size_t *used)
{
  enum { TRIES = 200 };                                       /* of 50 ms */
  const struct timespec nap = { 0, 50000000 };
  int status = CUBIX_OK;
  struct stat s;
  ssize_t got = 0;
  *in = strcmp(path, "-") ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : STDIN_FILENO;
  CUBIX_CHECK(*in >= 0, CUBIX_EUSAGE, "cannot read %s %s: %s", what, path, strerror(errno));
  if (*in == STDIN_FILENO) goto done;
  for (int tries = 0; fstat(*in, &s) == 0 && S_ISFIFO(s.st_mode) && (got = read(*in, buffer, room)) == 0; tries++) {
    CUBIX_CHECK(tries < TRIES, CUBIX_EUSAGE, "%s %s is a FIFO, and within %d s nobody wrote to it", what, path,
                TRIES / 20);
    nanosleep(&nap, NULL);
  }
  if (got > 0) *used = (size_t)got;
  fcntl(*in, F_SETFL, fcntl(*in, F_GETFL) & ~O_NONBLOCK);
done:
  return status;
}

/* The whole stream, '\0'-terminated. */
static int read_all(char **text, const char *path, const char *what)
{
  int status = CUBIX_OK, in = -1;
  size_t used = 0, room = 1 << 16;
  ssize_t got = 0;
  char *buffer = NULL;
  CUBIX_CHECK((buffer = malloc(room)), CUBIX_ENOMEM, "cannot allocate %zu bytes for %s", room, path);
  CUBIX_TRY(open_text(&in, path, what, buffer, room - 1, &used));
  while (used + 1 == room || (got = read(in, buffer + used, room - used - 1)) > 0 || (got < 0 && errno == EINTR)) {
    if (used + 1 < room && got > 0) used += (size_t)got;
    if (used + 1 < room) continue;
    CUBIX_CHECK(room < 1 << 26, CUBIX_EUSAGE, "%s is longer than 64 MiB: this is not %s", path, what);
    char *more = realloc(buffer, room *= 2);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate %zu bytes for %s", room, path);
    buffer = more;
  }
  CUBIX_CHECK(got == 0, CUBIX_EUSAGE, "cannot read %s %s: %s", what, path, strerror(errno));
  buffer[used] = '\0';
  CUBIX_CHECK(strlen(buffer) == used, CUBIX_EUSAGE, "%s holds a zero byte: this is not %s", path, what);
  *text = buffer;
  buffer = NULL;
done:
  free(buffer);
  if (in > STDIN_FILENO) close(in);
  return status;
}

int cubix_mpi_text_read(char **text, const char *path, const char *what)
{
  return cubix_mpi_text_share(text, cubix_mpi_rank() == 0 ? read_all(text, path, what) : CUBIX_OK);
}

int cubix_mpi_text_share(char **text, int failed)
{
  int status = CUBIX_OK;
  long length = cubix_mpi_rank() == 0 && !failed ? (long)strlen(*text) : 0;
  CUBIX_TRY(cubix_mpi_agree(failed));
  MPI_Bcast(&length, 1, MPI_LONG, 0, cubix_mpi_group()->comm);
  if (cubix_mpi_rank() != 0) *text = malloc((size_t)length + 1);
  CUBIX_MPI_CHECK(*text, CUBIX_ENOMEM, "cannot allocate %ld bytes", length);
  MPI_Bcast(*text, (int)length + 1, MPI_CHAR, 0, cubix_mpi_group()->comm);
done:
  return status;
}

int cubix_mpi_params_read(struct cubix_params **par, const char *path, int n_override, char *const *overrides,
                          const char *spared)
{
  int status = CUBIX_OK;
  char *text = NULL;
  CUBIX_TRY(cubix_mpi_text_read(&text, path, "the parameter file"));
  CUBIX_TRY(cubix_params_init(par));
  if (spared) CUBIX_TRY(cubix_params_set(*par, spared, "none"));
  CUBIX_TRY(cubix_params_parse(*par, path, text, n_override, overrides));
done:
  free(text);
  return status;
}
