/* ahf_files.c -- "snap.0012.z0.123.": the number before the redshift is that of a task where there is a task 0; else it
 * belongs to the snapshot's name. */
#include "catalogue/ahf_files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"

enum { MOST_LOST = 256 };         /* files in a row */

int cubix_ahf_files_stem(char stem[4096], const char *path)
{
  static const char *const ends[] = { "", "." };
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *at = strstr(name, "AHF_");
  char file[4200];
  if (at) {
    snprintf(stem, 4096, "%.*s", (int)(at - path), path);
    return 1;
  }
  for (int i = 0; i < 2; i++) {
    snprintf(stem, 4096, "%.4000s%s", path, ends[i]);
    snprintf(file, sizeof file, "%s" CUBIX_AHF_HALOS, stem);
    if (cubix_infile_is(file)) return 1;
  }
  return 0;
}

void cubix_ahf_files_name(struct cubix_ahf_files *f, int t)
{
  const int before = f->task ? (int)(f->task - f->stem) : (int)strlen(f->stem);
  char number[16] = "";
  if (f->task) snprintf(number, sizeof number, "%04d", t);
  snprintf(f->halos, sizeof f->halos, "%.*s%s%s" CUBIX_AHF_HALOS, before, f->stem, number, f->task ? f->task + 4 : "");
  snprintf(f->particles, sizeof f->particles, "%.*s%s%s" CUBIX_AHF_PARTICLES, before, f->stem, number,
           f->task ? f->task + 4 : "");
}

static int is_task(struct cubix_ahf_files *f, int t)
{
  cubix_ahf_files_name(f, t);
  return cubix_infile_is(f->halos);
}

int cubix_ahf_files_find(struct cubix_ahf_files *f, const char *path)
{
  int status = CUBIX_OK, given = 0, beyond = 0;
  cubix_ahf_files_stem(f->stem, path);
  f->task = NULL;
  f->n_task = 1;
  for (char *p = f->stem; (p = strstr(p, ".z")); p++) {
    if (!isdigit((unsigned char)p[2])) continue;
    char *from = p;
    while (from > f->stem && isdigit((unsigned char)from[-1])) from--;
    f->task = p - from == 4 && from > f->stem && from[-1] == '.' ? from : NULL;
  }
  if (!f->task) goto done;
  given = (int)strtol(f->task, NULL, 10);
  if (is_task(f, 0)) {
    memcpy(f->task, "0000", 4);
    while (is_task(f, f->n_task)) f->n_task++;
    for (int t = f->n_task + 1; t <= f->n_task + MOST_LOST; t++) beyond |= is_task(f, t);
    cubix_ahf_files_name(f, f->n_task);
    CUBIX_CHECK(given < f->n_task && !beyond, CUBIX_EINPUT,
                "%s is missing, of a catalogue that AHF wrote in a file for each task", f->halos);
  } else {
    CUBIX_CHECK(!is_task(f, given - 1) && !is_task(f, given + 1), CUBIX_EINPUT,
                "%.*s0000%s" CUBIX_AHF_HALOS " is missing, the first of a catalogue that AHF wrote in a file for each "
                "task", (int)(f->task - f->stem), f->stem, f->task + 4);
    f->task = NULL;
  }
done:
  cubix_ahf_files_name(f, 0);
  return status;
}
