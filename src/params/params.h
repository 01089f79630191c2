/* params.h -- what the user asked for, in one struct made from params.def.
 *
 * Members have the names of the parameter file: a parameter has one spelling everywhere. */
#ifndef CUBIX_PARAMS_H
#define CUBIX_PARAMS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_pair   { double x, y; };
struct cubix_vector { const char *word; double x[3]; int comoving; };
/* word: NULL when three numbers were given; comoving: 1: Centre in ckpc/h, which the snapshot's a and h convert */
struct cubix_number { const char *word; double x; };      /* word: NULL when a number was given; x is 0 otherwise */

static inline int cubix_number_is(const struct cubix_number *number, const char *word)
{
  return number->word && !strcmp(number->word, word);
}

/* The Deposits that have a SmoothingLength, as cubix_params_unmet reads them. */
#define CUBIX_NEEDS_LENGTH "Deposit gaussian, cubic or wendland"

/* X(name, word) for each word of a choice, (none, snr, exposure). */
#define CUBIX_EACH(X, name, words) CUBIX_EACH_OF(X, name, CUBIX_EACH_BARE words)
#define CUBIX_EACH_BARE(...) __VA_ARGS__
#define CUBIX_EACH_OF(X, name, ...) CUBIX_EACH_PICK(__VA_ARGS__, 7, 6, 5, 4, 3, 2, 1, 0)(X, name, __VA_ARGS__)
#define CUBIX_EACH_PICK(a, b, c, d, e, f, g, n, ...) CUBIX_EACH_##n
#define CUBIX_EACH_2(X, name, a, b) X(name, a) X(name, b)
#define CUBIX_EACH_3(X, name, a, ...) X(name, a) CUBIX_EACH_2(X, name, __VA_ARGS__)
#define CUBIX_EACH_4(X, name, a, ...) X(name, a) CUBIX_EACH_3(X, name, __VA_ARGS__)
#define CUBIX_EACH_5(X, name, a, ...) X(name, a) CUBIX_EACH_4(X, name, __VA_ARGS__)
#define CUBIX_EACH_6(X, name, a, ...) X(name, a) CUBIX_EACH_5(X, name, __VA_ARGS__)
#define CUBIX_EACH_7(X, name, a, ...) X(name, a) CUBIX_EACH_6(X, name, __VA_ARGS__)

/* Of each choice, as of Noise: CUBIX_Noise_none ... of enum cubix_Noise, and their words. */
#define CUBIX_CHOICE(name, dflt, words, needs, help) \
  enum cubix_##name { CUBIX_EACH(CUBIX_CHOICE_WORD, name, words) }; \
  extern const char *const cubix_##name##_word[];
#define CUBIX_CHOICE_WORD(name, word) CUBIX_##name##_##word,
#include "params/params.def"

struct cubix_params {
#define CUBIX_PARAM(type, name, dflt, min, max, unit, needs, help) CUBIX_TYPE_##type name;
#define CUBIX_CHOICE(name, dflt, words, needs, help) enum cubix_##name name;
#define CUBIX_TYPE_STRING const char *
#define CUBIX_TYPE_BOOL   int
#define CUBIX_TYPE_INT    int
#define CUBIX_TYPE_DOUBLE double
#define CUBIX_TYPE_WORDED double
#define CUBIX_TYPE_PAIR   struct cubix_pair
#define CUBIX_TYPE_VECTOR struct cubix_vector
#define CUBIX_TYPE_NUMBER struct cubix_number
#include "params/params.def"
  struct cubix_params_origin *origin;   /* [n_param]: text and place of each value (params.c) */
};

/** One parameter as documentation and outputs show it. */
struct cubix_param_info {
  /* borrowed, static; unit "-": none; dflt NULL: required */
  const char *name, *type, *unit, *help, *dflt, *range, *section;
  char value[1024];                                                 /* as it reads in a parameter file, without unit */
  char origin[256];                                                 /* as cubix_params_origin */
};

/** All parameters at their defaults.  Local.
 *  @param[out] par owned by the caller: cubix_params_free */
int cubix_params_init(struct cubix_params **par);
/** Read the text of a parameter file.  Everything that is wrong (an unknown name, with the nearest
 * known one; doubled, malformed, out of range, wrong unit, missing) is collected and reported in
 * one message with file and line.  Local.
 *  @param name  the file's name for messages
 *  @param text  the whole file, '\0'-terminated
 *  @param overrides  [n_override] "Name=value" from the command line, which override the file */
int cubix_params_parse(struct cubix_params *par, const char *name, const char *text, int n_override,
                       char *const *overrides);
/** Set one parameter by name, as a parameter file would.  Local. */
int cubix_params_set(struct cubix_params *par, const char *name, const char *value);
/** The same; messages and outputs say that it comes from `place`.  Local. */
int cubix_params_set_at(struct cubix_params *par, const char *name, const char *value, const char *place);
/** A copy with texts of its own.  Local.  @param[out] copy owned by the caller */
int cubix_params_copy(struct cubix_params **copy, const struct cubix_params *par);
/** Number of parameters, and one of them (par NULL: without value and origin).  Local. */
int cubix_params_count(void);
void cubix_params_info(const struct cubix_params *par, int i, struct cubix_param_info *info);
/** A hash of all values, but for parameters of which `skip` returns 1 (NULL: none is skipped).  Local. */
int cubix_params_hash(uint64_t hash[2], const struct cubix_params *par, int skip(const char *name));
/** Where a value comes from, for messages: "muse.param:14", "command line", "set by the program" or
 * "default".  Local, borrowed. */
const char *cubix_params_origin(const struct cubix_params *par, const char *name);
/** Whether the values in use are what `needs` asks for, as in "Noise snr or exposure" or "Mode fit
 * with FitModel bins" (params.def).  Local.
 *  @return NULL if they are, `needs` otherwise */
const char *cubix_params_unmet(const struct cubix_params *par, const char *needs);
/** Warn of parameters that were given another value than the default although others leave them
 * without effect.  Local. */
void cubix_params_warn_idle(const struct cubix_params *par);
/** Write a complete parameter file with the values in use; it makes the same cube again.  Local. */
int cubix_params_write_used(const struct cubix_params *par, FILE *out);
/* What a request came to, as "21183.9 29450.8 17050.5 kpc" of Centre auto. */
struct cubix_param_found { const char *name; char text[128]; };
/** The same, with what was found of some of them behind the place.  Local.  @param found [n] */
int cubix_params_write_found(const struct cubix_params *par, FILE *out, int n, const struct cubix_param_found *found);
/** Write documentation from the table: form "template", "markdown", "json", or "man" (a section of a manual page).
 * Local. */
int cubix_params_write_doc(FILE *out, const char *form);
/** Write --help (name NULL: all parameters) or --help Name: one of them, or those of whose name or help it is a part.
 * Local.
 *  Errors: CUBIX_EUSAGE where there is none, with the nearest parameter. */
int cubix_params_write_help(FILE *out, const char *name);
void cubix_params_free(struct cubix_params *par);

#ifdef __cplusplus
}
#endif
#endif
