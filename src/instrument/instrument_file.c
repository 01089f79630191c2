/* instrument_file.c -- libconfig front end of the instrument files, driven by instrument.def.
 *
 * A quantity is written with its unit, `size = ( 60.0, 60.0, "arcsec" )`, and converted to the unit
 * of the table; a pure number stands alone. A curve is a quantity (constant), { polynomial = ( c0,
 * c1, ..., "AA" ); } in powers of lambda/AA, or { lambda = ( ..., "AA" ); value = ( ... ); }.
 * Nothing is guessed and nothing is skipped: unknown sections and keys, missing ones, wrong types,
 * units and values out of range are all collected and told in one message.  A name that no file
 * bears may be an alias of one; the files of the folder are searched for it. */
#include "instrument/instrument_file.h"

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/configfile.h"
#include "base/datafile.h"
#include "base/error.h"
#include "base/spelling.h"
#include "base/units.h"

enum key_type { STRING, STRINGS, CHOICE, NUMBER, PAIR, CURVE, LIST };
enum key_need { NEVER, ALWAYS, NOISE };

static const struct key {
  enum key_type type;
  const char *section, *name, *full, *unit;
  enum key_need need;
  double min, max;
  const char *help;
  size_t offset;
} keys[] = {
#define CUBIX_KEY(type, section, key, unit, need, min, max, help) \
  { type, #section, \
    #key, #section "." #key, \
    unit, need, \
    min,  max, \
    help, offsetof(struct cubix_instrument_file, section##_##key) },
#include "instrument/instrument.def"
#undef CUBIX_KEY
};

/* What is wrong with a file, line after line. */
struct complaints {
  const char *path;
  int n;
  char text[3000];
};

CUBIX_PRINTF(3, 4)
static void complain(struct complaints *bad, const config_setting_t *where, const char *fmt, ...)
{
  va_list ap;
  size_t used = strlen(bad->text);
  const char *file = where ? config_setting_source_file(where) : NULL;
  char line[1024], place[256] = "";
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  if (where) snprintf(place, sizeof place, ":%d", (int)config_setting_source_line(where));
  snprintf(bad->text + used, sizeof bad->text - used, "%s%s%s: %s", bad->n ? "\n" : "", file ? file : bad->path, place,
           line);
  bad->n++;
}

static void complain_unknown(struct complaints *bad, const config_setting_t *where, const char *section,
                             const char *name)
{
  const char *nearest = NULL;
  int least = 1000;
  for (int i = 0; i < CUBIX_N_KEY; i++) {
    const char *known = section ? keys[i].name : keys[i].section;
    int d = cubix_spelling_distance(name, known) + (section && strcmp(section, keys[i].section) ? 1 : 0);
    if (d < least) {
      least = d;
      nearest = section ? keys[i].full : known;
    }
  }
  complain(bad, where, "unknown %s '%s%s%s'; the nearest known one is '%s'",
           section ? "key" : "section", section ? section : "", section ? "." : "", name, nearest);
}

static int number_of(const config_setting_t *setting, double *value)
{
  switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:   *value = config_setting_get_int(setting); return 1;
    case CONFIG_TYPE_INT64: *value = (double)config_setting_get_int64(setting); return 1;
    case CONFIG_TYPE_FLOAT: *value = config_setting_get_float(setting); return 1;
    default: return 0;
  }
}

static int is_list(const config_setting_t *setting)
{
  return config_setting_type(setting) == CONFIG_TYPE_LIST || config_setting_type(setting) == CONFIG_TYPE_ARRAY;
}

/* Numbers with their unit, converted; room for as many as the list is long.  @return how many, 0 after a complaint */
static int numbers_of(double *value, struct complaints *bad, const config_setting_t *setting, const char *full,
                      const char *unit)
{
  int n = is_list(setting) ? config_setting_length(setting) : 1, pure = strcmp(unit, "-") == 0;
  const char *given = NULL;
  char known[256];
  if (is_list(setting) && n > 0) given = config_setting_get_string(config_setting_get_elem(setting, (unsigned)(n - 1)));
  if (given) n--;
  for (int i = 0; i < n; i++) {
    const config_setting_t *item = is_list(setting) ? config_setting_get_elem(setting, (unsigned)i) : setting;
    if (!number_of(item, &value[i]) || value[i] - value[i] != 0.) {
      complain(bad, setting, "%s must hold finite numbers%s", full, pure ? "" : " and, last, their unit");
      return 0;
    }
  }
  cubix_unit_list(unit, known, sizeof known);
  if (n == 0) {
    complain(bad, setting, "%s holds no number", full);
  } else if (!given && !pure) {
    complain(bad, setting, "%s needs its unit: %s = ( %g, \"%s\" );", full, config_setting_name(setting), value[0],
             unit);
    return 0;
  } else if (given && strcmp(given, unit) && cubix_unit_convert(given, unit, n, value)) {
    complain(bad, setting, "the unit of %s is %s, not '%s'", full, pure ? "none" : known, given);
    return 0;
  }
  return n;
}

static int in_range(struct complaints *bad, const config_setting_t *setting, const struct key *key, double value)
{
  if (value >= key->min && value <= key->max) return 1;
  complain(bad, setting, "%s = %g %s must be in %g .. %g", key->full, value, key->unit, key->min, key->max);
  return 0;
}

static void check_rising(struct complaints *bad, const config_setting_t *setting, const char *full, const double *x,
                         int n)
{
  for (int i = 1; i < n; i++) {
    if (x[i] > x[i - 1]) continue;
    complain(bad, setting, "%s must increase: %g AA is followed by %g AA", full, x[i - 1], x[i]);
    break;
  }
}

static int read_list(struct cubix_list *list, struct complaints *bad, const config_setting_t *setting,
                     const struct key *key)
{
  int status = CUBIX_OK;
  const int n = is_list(setting) ? config_setting_length(setting) : 1;
  CUBIX_ALLOC(list->value, n + 1);
  list->n = numbers_of(list->value, bad, setting, key->full, key->unit);
  for (int i = 0; i < list->n && in_range(bad, setting, key, list->value[i]); i++) continue;
  check_rising(bad, setting, key->full, list->value, list->n);
  if (list->n == 1 || (list->n % 2 && key - keys == CUBIX_KEY_spectrum_gaps))
    complain(bad, setting, "%s holds %d numbers; it must hold %s", key->full, list->n,
             key - keys == CUBIX_KEY_spectrum_gaps ? "pairs: from, to" : "two or more");
done:
  return status;
}

static int read_table(struct cubix_curve *curve, struct complaints *bad, const config_setting_t *lambda,
                      const config_setting_t *value, const struct key *key)
{
  int status = CUBIX_OK, n = config_setting_length(lambda), m = config_setting_length(value);
  char words[128];
  CUBIX_ALLOC(curve->lambda, n + 1);
  CUBIX_ALLOC(curve->value, m + 1);
  n = numbers_of(curve->lambda, bad, lambda, "lambda", "AA");
  m = numbers_of(curve->value, bad, value, key->full, key->unit);
  if (n > 0 && m > 0 && n != m) complain(bad, value, "%s has %d values at %d wavelengths", key->full, m, n);
  else if (n > 0 && m > 0) curve->n_table = n;
  snprintf(words, sizeof words, "lambda of %s", key->full);
  check_rising(bad, lambda, words, curve->lambda, n);
  for (int i = 0; i < curve->n_table && in_range(bad, value, key, curve->value[i]); i++) continue;
done:
  return status;
}

static int read_curve(struct cubix_curve *curve, struct complaints *bad, const config_setting_t *setting,
                      const struct key *key)
{
  int status = CUBIX_OK, n_max = (int)(sizeof curve->coef / sizeof *curve->coef), n;
  double coef[sizeof curve->coef / sizeof *curve->coef + 1];
  const config_setting_t *polynomial = setting, *lambda = NULL, *value = NULL;
  if (config_setting_is_group(setting)) {
    polynomial = config_setting_get_member(setting, "polynomial");
    lambda = config_setting_get_member(setting, "lambda");
    value = config_setting_get_member(setting, "value");
    n = !!polynomial + !!lambda + !!value;
    if (config_setting_length(setting) != n || (polynomial ? n != 1 : n != 2)) {
      complain(bad, setting, "%s must be { polynomial = ...; } or { lambda = ...; value = ...; }", key->full);
      goto done;
    }
  }
  if (lambda) {
    if (is_list(lambda) && is_list(value)) CUBIX_TRY(read_table(curve, bad, lambda, value, key));
    else complain(bad, setting, "lambda and value of %s must be lists", key->full);
    goto done;
  }
  n = is_list(polynomial) ? config_setting_length(polynomial) : 1;
  if (n > n_max + 1) {
    complain(bad, polynomial, "%s has more than %d coefficients", key->full, n_max);
    goto done;
  }
  n = numbers_of(coef, bad, polynomial, key->full, key->unit);
  if (n > (polynomial == setting ? 1 : n_max))
    complain(bad, polynomial,
             "%s has %d numbers; write { polynomial = ...; } (at most %d) or { lambda = ...; value = ...; }", key->full,
             n, n_max);
  else if (n > 0 && (n > 1 || in_range(bad, polynomial, key, coef[0]))) {
    memcpy(curve->coef, coef, (size_t)n * sizeof *coef);
    curve->n_coef = n;
  }
done:
  return status;
}

/* Which of the words "a|b|c"; -1 after a complaint. */
static int read_choice(struct complaints *bad, const config_setting_t *setting, const struct key *key)
{
  const char *given = config_setting_get_string(setting), *word = key->unit;
  for (int i = 0; given && *word; i++) {
    size_t n = strcspn(word, "|");
    if (strlen(given) == n && strncmp(given, word, n) == 0) return i;
    word += n + (word[n] == '|');
  }
  complain(bad, setting, "%s%s%s must be one of %s, in quotes", key->full, given ? " = " : "", given ? given : "",
           key->unit);
  return -1;
}

static void read_numbers(double *value, int n_max, struct complaints *bad, const config_setting_t *setting,
                         const struct key *key)
{
  double number[3];
  int n = is_list(setting) ? config_setting_length(setting) : 1;
  if (n <= 3) n = numbers_of(number, bad, setting, key->full, key->unit);
  if (n > n_max) complain(bad, setting, "%s holds %d numbers; at most %d", key->full, n, n_max);
  else if (n > 0 && in_range(bad, setting, key, number[0]) && (n < 2 || in_range(bad, setting, key, number[1])))
    for (int i = 0; i < n_max; i++) value[i] = number[i < n ? i : n - 1];
}

/* A text that lists and headers can show: not empty, and on one line. */
static void check_text(struct complaints *bad, const config_setting_t *setting, const struct key *key, const char *text)
{
  if (!text) return;
  int control = 0, blank = 1;
  for (const char *s = text; *s; s++) {
    control |= iscntrl((unsigned char)*s) != 0;
    blank &= *s == ' ' || iscntrl((unsigned char)*s);
  }
  if (blank) complain(bad, setting, "%s is empty", key->full);
  else if (control) complain(bad, setting, "%s holds a line break or another control character", key->full);
}

static int read_key(struct cubix_instrument_file *file, struct complaints *bad, config_setting_t *setting, int k)
{
  int status = CUBIX_OK;
  const struct key *key = &keys[k];
  void *member = (char *)file + key->offset;
  file->given[k] = 1;
  switch (key->type) {
    case STRING:
      *(const char **)member = config_setting_get_string(setting);
      if (!*(const char **)member) complain(bad, setting, "%s must be a text in quotes", key->full);
      check_text(bad, setting, key, *(const char **)member);
      break;
    case STRINGS:
      *(config_setting_t **)member = setting;
      if (!is_list(setting)) complain(bad, setting, "%s must be a list of texts: [ \"a\", \"b\" ]", key->full);
      for (int i = 0; is_list(setting) && i < config_setting_length(setting); i++) {
        if (!config_setting_get_string_elem(setting, i)) complain(bad, setting, "%s must hold texts only", key->full);
        check_text(bad, setting, key, config_setting_get_string_elem(setting, i));
      }
      break;
    case CHOICE:
      *(int *)member = read_choice(bad, setting, key);
      break;
    case NUMBER:
      read_numbers(member, 1, bad, setting, key);
      break;
    case PAIR: {
      double pair[2] = { 0., 0. };
      read_numbers(pair, 2, bad, setting, key);
      *(struct cubix_pair *)member = (struct cubix_pair){ pair[0], pair[1] };
      break;
    }
    case CURVE:
      CUBIX_TRY(read_curve(member, bad, setting, key));
      break;
    case LIST:
      CUBIX_TRY(read_list(member, bad, setting, key));
      break;
  }
done:
  return status;
}

static int read_section(struct cubix_instrument_file *file, struct complaints *bad, config_setting_t *section)
{
  int status = CUBIX_OK, known = 0;
  const char *name = config_setting_name(section);
  for (int k = 0; k < CUBIX_N_KEY; k++) known |= strcmp(keys[k].section, name) == 0;
  if (!known) complain_unknown(bad, section, NULL, name);
  else if (!config_setting_is_group(section)) complain(bad, section, "%s must be a section: %s: { ... };", name, name);
  else {
    for (int i = 0; i < config_setting_length(section); i++) {
      config_setting_t *setting = config_setting_get_elem(section, (unsigned)i);
      int k = 0;
      while (k < CUBIX_N_KEY && (strcmp(keys[k].section, name) || strcmp(keys[k].name, config_setting_name(setting))))
        k++;
      if (k == CUBIX_N_KEY) complain_unknown(bad, setting, name, config_setting_name(setting));
      else CUBIX_TRY(read_key(file, bad, setting, k));
    }
  }
done:
  return status;
}

/* What single keys cannot show. */
static void check_whole(struct cubix_instrument_file *file, struct complaints *bad, int need_noise)
{
  const unsigned char *given = file->given;
  for (int k = 0; k < CUBIX_N_KEY; k++)
    if (!given[k] && (keys[k].need == ALWAYS || (keys[k].need == NOISE && need_noise)))
      complain(bad, NULL, "'%s' is missing%s", keys[k].full,
               keys[k].need == NOISE ? "; without it only Noise none is possible" : "");
  if (given[CUBIX_KEY_psf_profile]) {
    int kind = file->psf_profile;
    if ((kind == CUBIX_PSF_GAUSSIAN || kind == CUBIX_PSF_MOFFAT) && !given[CUBIX_KEY_psf_fwhm])
      complain(bad, NULL, "'psf.fwhm' is missing; this psf.profile needs it");
    if (kind == CUBIX_PSF_MOFFAT && !given[CUBIX_KEY_psf_beta])
      complain(bad, NULL, "'psf.beta' is missing; psf.profile moffat needs it");
    if (kind == CUBIX_PSF_FILE && !given[CUBIX_KEY_psf_file])
      complain(bad, NULL, "'psf.file' is missing; psf.profile file needs it");
  }
  const int centres = given[CUBIX_KEY_spectrum_lambda], ends[] = { CUBIX_KEY_spectrum_first, CUBIX_KEY_spectrum_last };
  for (int i = 0; i < 2; i++) {
    if (!centres && !given[ends[i]]) complain(bad, NULL, "'%s' is missing", keys[ends[i]].full);
    if (centres && given[ends[i]])
      complain(bad, NULL, "'spectrum.lambda' and '%s' exclude each other", keys[ends[i]].full);
  }
  if (given[CUBIX_KEY_spectrum_step] + given[CUBIX_KEY_spectrum_log_step] + centres != 1)
    complain(bad, NULL, "exactly one of 'spectrum.step', 'spectrum.log_step' and 'spectrum.lambda' must be there");
  if (given[CUBIX_KEY_lsf_shape] && file->lsf_shape == CUBIX_LSF_SINC && file->lsf_pixel != 1)
    complain(bad, NULL, "'lsf.shape' sinc needs 'lsf.pixel' excluded: the channel's width comes on top");
  if (given[CUBIX_KEY_spectrum_flux_unit] && file->spectrum_flux_unit != (int)file->spectrum_flux_unit)
    complain(bad, NULL, "'spectrum.flux_unit' must be a whole number, a power of ten");
  if (given[CUBIX_KEY_spectrum_flux_unit] && file->instrument_layout == CUBIX_Layout_manga - CUBIX_Layout_plain &&
      file->spectrum_flux_unit != CUBIX_MANGA_UNIT)
    complain(bad, NULL, "'spectrum.flux_unit' of layout manga must be %d: its readers take that for granted",
             CUBIX_MANGA_UNIT);
  if (given[CUBIX_KEY_sky_continuum] != given[CUBIX_KEY_sky_medium])
    complain(bad, NULL, "'sky.continuum' and 'sky.medium' need each other");
  if (given[CUBIX_KEY_sky_lines] && !given[CUBIX_KEY_sky_continuum])
    complain(bad, NULL, "'sky.lines' needs 'sky.continuum'");
  if (given[CUBIX_KEY_sky_lines] && file->sky_lines.n_coef)
    complain(bad, NULL, "'sky.lines' must be a table: { lambda = ...; value = ...; }");
  if (need_noise && given[CUBIX_KEY_noise_sky] == given[CUBIX_KEY_sky_continuum])
    complain(bad, NULL, "exactly one of 'noise.sky' and 'sky.continuum' must be there");
  if (given[CUBIX_KEY_lsf_fwhm] == given[CUBIX_KEY_lsf_resolving_power])
    complain(bad, NULL, "exactly one of 'lsf.fwhm' and 'lsf.resolving_power' must be there");
}

/* The file of the folder that has `name` among its instrument.aliases; path stays "" where there is none. */
static int find_alias(char *path, size_t size, const char *name)
{
  int status = CUBIX_OK, n = 0;
  char **names = NULL, candidate[1024];
  config_t config;
  path[0] = '\0';
  CUBIX_TRY(cubix_datafile_list(&names, &n, "instruments"));
  for (int i = 0; i < n && !path[0]; i++) {
    CUBIX_TRY(cubix_datafile_find(candidate, sizeof candidate, "instruments", names[i]));
    config_init(&config);
    if (!cubix_configfile_read(&config, candidate, "instruments", CUBIX_EINPUT)) {
      config_setting_t *aliases = config_lookup(&config, "instrument.aliases");
      for (int j = 0; aliases && j < config_setting_length(aliases); j++) {
        const char *alias = config_setting_get_string_elem(aliases, j);
        if (alias && cubix_name_same(alias, strlen(alias), name, strlen(name))) snprintf(path, size, "%s", candidate);
      }
    }
    config_destroy(&config);
  }
done:
  cubix_datafile_list_free(names, n);
  return status;
}

static int find_file(char *path, size_t size, const char *name)
{
  int status = cubix_datafile_find(path, size, "instruments", name);
  if (status == CUBIX_EUSAGE && !strchr(name, '/')) {
    if (!find_alias(path, size, name) && path[0]) {
      cubix_error_clear();
      return CUBIX_OK;
    }
    status = cubix_datafile_find(path, size, "instruments", name);
  }
  return status;
}

int cubix_instrument_file_read(struct cubix_instrument_file *file, const char *name, int need_noise)
{
  int status = CUBIX_OK;
  struct complaints bad = { .path = file->path };
  config_setting_t *root;

  memset(file, 0, sizeof *file);
  CUBIX_TRY(find_file(file->path, sizeof file->path, name));
  CUBIX_ALLOC(file->config, 1);
  config_init(file->config);
  CUBIX_TRY(cubix_configfile_read(file->config, file->path, "instruments", CUBIX_EINPUT));
  root = config_root_setting(file->config);
  for (int i = 0; i < config_setting_length(root); i++)
    CUBIX_TRY(read_section(file, &bad, config_setting_get_elem(root, (unsigned)i)));
  check_whole(file, &bad, need_noise);
  CUBIX_CHECK(!bad.n, CUBIX_EINPUT, "%s", bad.text);
done:
  if (status) cubix_instrument_file_free(file);
  return status;
}

void cubix_instrument_file_free(struct cubix_instrument_file *file)
{
  for (int k = 0; k < CUBIX_N_KEY; k++) {
    void *member = (char *)file + keys[k].offset;
    if (keys[k].type == LIST) free(((struct cubix_list *)member)->value);
    if (keys[k].type != CURVE) continue;
    free(((struct cubix_curve *)member)->lambda);
    free(((struct cubix_curve *)member)->value);
  }
  if (file->config) config_destroy(file->config);
  free(file->config);
  memset(file, 0, sizeof *file);
}

const char *cubix_instrument_key(int key, double *min, double *max, const char **unit, const char **help)
{
  *min = keys[key].min;
  *max = keys[key].max;
  *unit = keys[key].unit;
  *help = keys[key].help;
  return keys[key].full;
}
