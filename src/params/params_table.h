/* params_table.h -- the rows of params.def, shared by the files of the parameter system; outside
 * them only a fit uses it, for the bounds. */
#ifndef CUBIX_PARAMS_TABLE_H
#define CUBIX_PARAMS_TABLE_H

#include "params/params.h"

#include <stddef.h>

enum cubix_param_type {
  CUBIX_PARAM_SECTION, CUBIX_PARAM_STRING, CUBIX_PARAM_CHOICE, CUBIX_PARAM_BOOL,
  CUBIX_PARAM_INT, CUBIX_PARAM_DOUBLE, CUBIX_PARAM_WORDED, CUBIX_PARAM_PAIR, CUBIX_PARAM_VECTOR, CUBIX_PARAM_NUMBER
};

struct cubix_param_row {
  enum cubix_param_type type;
  const char *type_name, *name, *dflt;   /* dflt NULL: required; of a section, name is its title */
  const char *const *word;               /* of a CHOICE: cubix_Name_word, by the enumerators of enum cubix_Name */
  /* "a|b|c" of CHOICE, BOOL, VECTOR, WORDED and NUMBER; the example of a required STRING */
  const char *words;
  double min, max;
  const char *range;                     /* "0..1000" of numbers, the words of words, "" of a STRING and a section */
  const char *unit, *help;               /* unit "-": none */
  const char *needs;                     /* cubix_params_unmet; "": it always has an effect */
  size_t offset;                         /* of the member in struct cubix_params */
};

/** Whether its values are single real numbers within bounds, beside a word or not. */
static inline int cubix_param_is_real(const struct cubix_param_row *row)
{
  return row->type == CUBIX_PARAM_DOUBLE || row->type == CUBIX_PARAM_WORDED;
}

/** Text and place of the value in use, one per row; those of section rows stay empty. */
struct cubix_params_origin {
  char *text;    /* owned: what the member's pointer points to (STRING, VECTOR, NUMBER), else NULL */
  char *place;   /* owned: "muse.param:14", "command line"; NULL: default */
};

/** A name that is no more, or that other codes use, and ours; the last row is { NULL, NULL }. */
struct cubix_param_rename { const char *other, *name; };

/** The table: sections and parameters in the order of params.def. */
extern const struct cubix_param_row cubix_param_table[];
extern const int cubix_param_n_row;
extern const struct cubix_param_rename cubix_param_renames[];

/** Row of a name, case-sensitive; -1: no such parameter.  Local. */
int cubix_param_find(const char *name);
/** Message about an unknown name: "unknown parameter Pixelscale; did you mean PixelScale?".
 * Local. */
void cubix_param_unknown(const char *name, char *text, size_t size);

/** Set a parameter from the words of a value.  Local.
 *  @param[in] n, word  [n] the value and, if the row has one, its unit; a STRING is one word
 *  @param[in] place  copied; NULL: default
 *  @param[out] wrong  [size] "" if the value was accepted, else "PixelScale = -0.2 must be 0..1000
 *    arcsec", and the old value stays
 *  @return CUBIX_OK also if the value is wrong; CUBIX_ENOMEM */
int cubix_param_put(struct cubix_params *par, int i, int n, char *const *word, const char *place, char *wrong,
                    size_t size);
/** The same from one text, as an override or a host program gives it: a STRING is taken whole,
 * anything else is split into words.  Local. */
int cubix_param_put_text(struct cubix_params *par, int i, const char *value, const char *place, char *wrong,
                         size_t size);

/** The value in use as a parameter file writes it, without unit.  Local.
 *  @return the length it needs, as snprintf does */
size_t cubix_param_text(const struct cubix_params *par, int i, char *text, size_t size);
/** Allowed values: "0..1000 arcsec", or with form "one or two numbers, 0..1000 arcsec".  Local. */
void cubix_param_bounds(const struct cubix_param_row *row, int form, char *text, size_t size);
/** The shortest decimal number that reads back to the same bits.  Local.  @return text */
char *cubix_param_number(double x, char text[32]);
/** A copy for display: fewer than `size` bytes, control characters as ?, a cut marked by dots.
 * Local.
 *  @return show */
char *cubix_param_show(const char *text, char *show, size_t size);
/** A copy that free() releases.  Local. */
int cubix_param_copy(const char *text, char **copy);

#endif
