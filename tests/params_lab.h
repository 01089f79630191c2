/* params_lab.h -- what tests of the parameter file share: a text is read, and taken or refused in the right words. */
#ifndef CUBIX_TESTS_PARAMS_LAB_H
#define CUBIX_TESTS_PARAMS_LAB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "params/params_table.h"

#define REQUIRED \
  "InputFile in.hdf5\nSspFile ssp.hdf5\nOutputFile out.fits\n" /* three lines: what follows begins in line 4 */
#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static struct cubix_params *par;

static inline int parse_with(const char *text, int n, const char *const *overrides)
{
  char *copy[16] = { NULL };
  cubix_params_free(par);
  par = NULL;
  if (cubix_params_init(&par)) return -1;
  cubix_error_clear();
  for (int i = 0; i < n; i++) copy[i] = strdup(overrides[i]);   /* argv is not const */
  int status = cubix_params_parse(par, "t.param", text, n, copy);
  for (int i = 0; i < n; i++) free(copy[i]);
  return status;
}

static inline int parse(const char *text) { return parse_with(text, 0, NULL); }

/* Whether REQUIRED and these lines are read. */
static inline int takes(const char *lines)
{
  char text[4096];
  snprintf(text, sizeof text, REQUIRED "%s", lines);
  int status = parse(text);
  if (status) printf("%s\n", cubix_error_message());
  return status == CUBIX_OK;
}

/* Whether REQUIRED and these lines are refused with exactly this message. */
static inline int refuses(const char *lines, const char *message)
{
  char text[4096];
  snprintf(text, sizeof text, REQUIRED "%s", lines);
  int status = parse(text), same = !strcmp(cubix_error_message(), message);
  if (!same) printf("said:   %s\nwanted: %s\n", cubix_error_message(), message);
  return status == CUBIX_EUSAGE && same;
}

#endif
