/* each_group.c -- GroupIndex word by word. */
#include "program/each_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "output/output.h"

/* OutputFile with a group's number, in which a colon becomes '_', in the place of every %d. */
static int name_outputs(char *to, size_t size, const char *pattern, const char *word)
{
  int status = CUBIX_OK;
  size_t used = 0;
  for (const char *at = pattern; *at && used + 1 < size; at++) {
    if (strncmp(at, "%d", 2)) {
      to[used++] = *at;
      continue;
    }
    for (const char *w = word; *w && used + 1 < size; w++) to[used++] = *w == ':' ? '_' : *w;
    at++;
  }
  to[used] = '\0';
  CUBIX_CHECK(used + 1 < size, CUBIX_EUSAGE, "OutputFile has more than %zu characters", size - 1);
done:
  return status;
}

/* Is the first output there already, and not to be replaced? */
static int is_done(const struct cubix_params *par)
{
  char path[CUBIX_OUTPUT_PATH];
  int there = 0;
  if (cubix_mpi_rank() == 0 && !par->Overwrite)
    there = cubix_output_first(path, par) == CUBIX_OK && cubix_infile_is(path);
  there = (int)cubix_mpi_sum_int(there);
  if (there && cubix_mpi_rank() == 0) cubix_log(CUBIX_LOG_INFO, "%s is there already (Overwrite no)", path);
  return there;
}

int cubix_each_group(struct cubix_params *par, int (*run)(const struct cubix_params *par, void *host), void *host)
{
  static const char blanks[] = " \t,;";
  int status = CUBIX_OK;
  char *list = NULL, *pattern = NULL, word[64], name[4 * CUBIX_OUTPUT_PATH];
  if (!strstr(par->OutputFile, "%d")) return run(par, host);
  CUBIX_CHECK(strcmp(par->GroupCatalogue, "none"), CUBIX_EUSAGE,
              "OutputFile = %s (%s): %%d stands for the number of a group; name a GroupCatalogue and GroupIndex",
              par->OutputFile, cubix_params_origin(par, "OutputFile"));
  CUBIX_ALLOC(list, strlen(par->GroupIndex) + 1);
  CUBIX_ALLOC(pattern, strlen(par->OutputFile) + 1);
  strcpy(list, par->GroupIndex);
  strcpy(pattern, par->OutputFile);
  for (const char *at = list + strspn(list, blanks); *at; at += strspn(at, blanks)) {
    const size_t n = strcspn(at, blanks);
    snprintf(word, sizeof word, "%.*s", (int)n, at);
    at += n;
    CUBIX_TRY(name_outputs(name, sizeof name, pattern, word));
    CUBIX_TRY(cubix_params_set(par, "GroupIndex", word));
    CUBIX_TRY(cubix_params_set(par, "OutputFile", name));
    if (!is_done(par)) CUBIX_TRY(run(par, host));
  }
done:
  free(list);
  free(pattern);
  return status;
}
