/* instrument_file.h -- an instrument's file as it is, before the parameters modify it. */
#ifndef CUBIX_INSTRUMENT_READ_H
#define CUBIX_INSTRUMENT_READ_H

#include <libconfig.h>

#include "instrument/instrument.h"

struct cubix_list { int n; double *value; };

enum {
#define CUBIX_KEY(type, section, key, unit, need, min, max, help) CUBIX_KEY_##section##_##key,
#include "instrument/instrument.def"
#undef CUBIX_KEY
  CUBIX_N_KEY
};

/* Readers of MaNGA's cubes (marvin, specutils, jdaviz) take this unit for granted, whatever BUNIT says. */
enum { CUBIX_MANGA_UNIT = -17 };

struct cubix_instrument_file {
#define CUBIX_KEY(type, section, key, unit, need, min, max, help) CUBIX_KEY_##type section##_##key;
#define CUBIX_KEY_STRING  const char *
#define CUBIX_KEY_STRINGS config_setting_t *
#define CUBIX_KEY_CHOICE  int
#define CUBIX_KEY_NUMBER  double
#define CUBIX_KEY_PAIR    struct cubix_pair
#define CUBIX_KEY_CURVE   struct cubix_curve
#define CUBIX_KEY_LIST    struct cubix_list
#include "instrument/instrument.def"
#undef CUBIX_KEY
  unsigned char given[CUBIX_N_KEY];
  char path[1024];
  config_t *config;               /* owns the texts */
};

/** Find the file for a name, an alias or a path, and read it.  Local.
 *  @param need_noise 1: the noise section must be complete
 *  @param[out] file release with cubix_instrument_file_free
 *  Errors: CUBIX_EUSAGE for an unknown name; CUBIX_EINPUT for the content: all that is wrong in one
 *    message, with file and line. */
int cubix_instrument_file_read(struct cubix_instrument_file *file, const char *name, int need_noise);
void cubix_instrument_file_free(struct cubix_instrument_file *file);
/** Documentation and bounds of a key, from the table.  Local.  @return its name "section.key" */
const char *cubix_instrument_key(int key, double *min, double *max, const char **unit, const char **help);

#endif
