/* units.h -- the units that users write: their names, and how to convert them. */
#ifndef CUBIX_UNITS_H
#define CUBIX_UNITS_H

#include <stddef.h>

/** Convert a value from unit `from` to unit `to`.  Equal units leave it unchanged, bit by bit.
 * Local.
 *  @param[in,out] x [n], untouched on failure
 *  @return 0; -1 if `from` is unknown; -2 if it has another dimension (or `to` is unknown) */
int cubix_unit_convert(const char *from, const char *to, int n, double *x);
/** List all units of the dimension of `unit`, that one first: "arcsec (or mas, arcmin, deg, rad)";
 * an unknown unit alone.  Local. */
void cubix_unit_list(const char *unit, char *text, size_t size);
/** 1 if the unit that a file states is `want`, literally or in another spelling of units.def.  A
 * unit that could be converted is a different unit.  Local. */
int cubix_unit_same(const char *have, const char *want);

#endif
