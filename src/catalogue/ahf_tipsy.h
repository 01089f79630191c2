/* ahf_tipsy.h -- inside src/catalogue: what AHF lists of a Tipsy snapshot, which has no identifiers: numbers of
 * particles. */
#ifndef CUBIX_AHF_TIPSY_H
#define CUBIX_AHF_TIPSY_H

#include "catalogue/catalogue_parts.h"

struct cubix_ahf_numbers {
  int64_t n[3];                   /* gas, dark matter, stars of the snapshot */
  /* orders that no number speaks against: dark matter, stars, gas; and that of the file */
  int possible[2];
};

/** How many particles there are; both orders are possible.  Local.  Errors: CUBIX_EINPUT. */
int cubix_ahf_numbers_init(struct cubix_ahf_numbers *numbers, const struct cubix_simfile *sim);
/** Which orders do these agree with?  Local.  @param type  [n] as AHF has them: 0 gas, 1 and 5 dark matter, 4 stars */
void cubix_ahf_numbers_see(struct cubix_ahf_numbers *numbers, const int64_t *number, const int64_t *type, size_t n);
/** 1: it is known what the numbers mean.  Local. */
int cubix_ahf_numbers_known(const struct cubix_ahf_numbers *numbers);
/** Choose the particles that have them, once that is known.  Local. */
int cubix_ahf_numbers_choose(struct cubix_choice *choice, const struct cubix_ahf_numbers *numbers,
                             const struct cubix_simfile *sim, const int64_t *number, const int64_t *type, size_t n);

#endif
