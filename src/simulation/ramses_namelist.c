/* ramses_namelist.c -- clock and lost masses by namelist.txt, and what is assumed where it is silent. */
#include "simulation/ramses_namelist.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "simulation/keyfile.h"

/* Add to what is assumed. */
static void assume(struct cubix_source *source, const char *what)
{
  const size_t used = strlen(source->assumed);
  snprintf(source->assumed + used, sizeof source->assumed - used, "%s%s", used ? "; " : "", what);
}

/* Whether times of birth are proper.  RAMSES sets use_proper_time itself where stars radiate (rt_star).
 * @param namelist  without text: there is none */
static int find_clock(int *proper, struct cubix_source *source, const struct cubix_keyfile *namelist)
{
  int status = CUBIX_OK, rt_star = 0, rt = 0, found;
  *proper = 0;
  if (!namelist->text) {
    assume(source, "there is no namelist.txt to say rt_star or use_proper_time: times of birth are taken as conformal");
    goto done;
  }
  CUBIX_TRY(cubix_keyfile_logical(proper, &found, namelist, "use_proper_time"));
  CUBIX_TRY(cubix_keyfile_logical(&rt_star, &found, namelist, "rt_star"));
  CUBIX_TRY(cubix_keyfile_logical(&rt, &found, namelist, "rt"));
  *proper |= rt_star;
  snprintf(source->note, sizeof source->note, "times of birth are %s, by %.300s", *proper ? "proper" : "conformal",
           namelist->path);
  if (rt && !*proper)
    assume(source, "namelist.txt says rt, but neither rt_star nor use_proper_time: times of birth are taken as "
           "conformal");
done:
  return status;
}

/* A supernova takes the fraction eta_sn of a star's mass when the star has the age t_sne, and nobody
 * says which mass it was born with, but the fields of some forks. */
static int find_losses(struct cubix_source *source, const struct cubix_keyfile *namelist)
{
  int status = CUBIX_OK, found;
  double eta = 0, age = 10;
  char text[300];
  if (!namelist->text) {
    assume(source, "there is no namelist.txt to say eta_sn: stars are taken to have lost no mass");
    goto done;
  }
  CUBIX_TRY(cubix_keyfile_number(&eta, &found, namelist, "eta_sn"));
  CUBIX_TRY(cubix_keyfile_number(&age, &found, namelist, "t_sne"));
  snprintf(text, sizeof text,
           "namelist.txt says eta_sn = %g: taken for the mass at birth, today's is too small by that fraction for "
           "stars older than %g Myr (t_sne)", eta, age);
  if (eta > 0) assume(source, text);
done:
  return status;
}

int cubix_ramses_namelist(int *proper, struct cubix_source *source, const char *folder, int cosmological,
                          int has_birth_mass)
{
  int status = CUBIX_OK;
  struct cubix_keyfile namelist = { .text = NULL };
  char path[4200];
  *proper = 0;
  snprintf(path, sizeof path, "%.4000snamelist.txt", folder);
  if (cubix_infile_is(path)) CUBIX_TRY(cubix_keyfile_read(&namelist, path, '!'));
  if (cosmological) CUBIX_TRY(find_clock(proper, source, &namelist));
  if (!has_birth_mass) CUBIX_TRY(find_losses(source, &namelist));
done:
  cubix_keyfile_free(&namelist);
  return status;
}
