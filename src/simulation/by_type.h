/* by_type.h -- numbers that a user gives for types of particles: "5.0" for all, or "2: 5.0, 3: 10.0". */
#ifndef CUBIX_BY_TYPE_H
#define CUBIX_BY_TYPE_H

enum { CUBIX_N_BY_TYPE = 32 };

/** Read such a text.  Local.
 *  @param[out] x [CUBIX_N_BY_TYPE]  NAN where nothing is said  @param low, high  bounds
 *  @param[out] wrong [size]  "" where it was understood, else why not */
void cubix_by_type_read(double x[CUBIX_N_BY_TYPE], const char *text, double low, double high, char *wrong, int size);
/** Read a list of types, "2, 3, 4".  Local.  @param[out] type [most]  @return how many; -1: not understood */
int cubix_types_read(int *type, int most, const char *text);

#endif
