/* units.h -- the units that users write: what they are called, and how one becomes another. */
#ifndef CUBIX_UNITS_H
#define CUBIX_UNITS_H

#include <stddef.h>

/** A value in unit `from`, in unit `to`.  Local.  Equal units leave the value as it is, bit by bit.
 *  @param[in,out] x  [n], untouched on failure @return 0; -1 when `from` is no known unit; -2 when
 *  it is one of another dimension (or `to` is unknown) */
int cubix_unit_convert(const char *from, const char *to, int n, double *x);
/** All units of the dimension of `unit`, that one first: "arcsec (or mas, arcmin, deg, rad)"; an
 * unknown unit alone.  Local. */
void cubix_unit_list(const char *unit, char *text, size_t size);
/** 1 where the unit that a file states is `want`, to the letter or in another spelling of units.def.
 * A unit that could be converted
 *  is another unit.  Local. */
int cubix_unit_same(const char *have, const char *want);

#endif
