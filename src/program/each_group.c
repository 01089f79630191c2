/* each_group.c -- GroupIndex group by group. */
#include "program/each_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "output/output.h"

/* Is the first output there already, and not to be replaced? */
static int is_done(const struct cubix_params *par)
{
  char path[CUBIX_OUTPUT_PATH];
  int there = 0;
  if (cubix_mpi_rank() == 0 && !par->Overwrite)
    there = cubix_output_first(path, par) == CUBIX_OK && cubix_infile_is(path);
  if (there) cubix_log(CUBIX_LOG_INFO, "%s is there already (Overwrite no)", path);
  return (int)cubix_mpi_sum_int(there);
}

/* One group, and the files that are named after it. */
static int ask_for(struct cubix_params *par, const char *pattern, const struct cubix_group_key *key)
{
  int status = CUBIX_OK;
  char number[64], name[4 * CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_group_file(name, sizeof name, pattern, key));
  CUBIX_TRY(cubix_params_set(par, "GroupIndex", cubix_group_number(number, sizeof number, key)));
  CUBIX_TRY(cubix_params_set(par, "OutputFile", name));
done:
  return status;
}

int cubix_each_group(struct cubix_params *par, int (*run)(const struct cubix_params *par, void *host), void *host)
{
  int status = CUBIX_OK, made = 0;
  size_t n = 0;
  struct cubix_group_key *key = NULL;
  char *pattern = NULL;
  if (!strstr(par->OutputFile, "%d")) return run(par, host);
  CUBIX_CHECK(strcmp(par->GroupCatalogue, "none"), CUBIX_EUSAGE,
              "OutputFile = %s (%s): %%d stands for the number of a group; name a GroupCatalogue and GroupIndex",
              par->OutputFile, cubix_params_origin(par, "OutputFile"));
  CUBIX_TRY(cubix_mpi_agree(cubix_group_keys(&key, &n, par)));
  CUBIX_MPI_ALLOC(pattern, strlen(par->OutputFile) + 1);
  strcpy(pattern, par->OutputFile);
  for (size_t i = 0; i < n; i++) {
    CUBIX_TRY(cubix_mpi_agree(ask_for(par, pattern, &key[i])));
    status = is_done(par) ? CUBIX_OK : run(par, host);
    made += status == CUBIX_OK;
    if (status == CUBIX_ENONE && (i + 1 < n || made)) {     /* the others of the list may have stars */
      cubix_log(CUBIX_LOG_WARNING, "%s; no %s is written", cubix_error_message(), par->OutputFile);
      cubix_error_clear();
      status = CUBIX_OK;
    }
    CUBIX_TRY(status);
  }
done:
  free(key);
  free(pattern);
  return status;
}
