/* dump_law.c -- an extinction law, for the tests: dump_law LAW SHAPE IN OUT.
 *
 * IN holds wavelengths [AA] as doubles; OUT gets A(lambda)/A(V) and its derivatives by the shape and by
 * lambda, three doubles for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dust/extinction.h"

int main(int argc, char **argv)
{
  int law = 0;
  double lambda;
  FILE *in, *out;
  if (argc != 5) return 2;
  while (law <= CUBIX_DustLaw_powerlaw && strcmp(cubix_DustLaw_word[law], argv[1]) != 0) law++;
  in = fopen(argv[3], "rb");
  out = fopen(argv[4], "wb");
  if (law > CUBIX_DustLaw_powerlaw || !in || !out) return 2;
  while (fread(&lambda, sizeof lambda, 1, in) == 1) {
    const struct cubix_extinction at = cubix_extinction_at((enum cubix_DustLaw)law, atof(argv[2]), lambda);
    if (fwrite(&at, sizeof at, 1, out) != 1) return 3;
  }
  fclose(in);
  return fclose(out) ? 3 : 0;
}
