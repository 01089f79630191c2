/* imf.h -- initial mass functions by name: which of them give different masses for the same
 * light. */
#ifndef CUBIX_IMF_H
#define CUBIX_IMF_H

#ifdef __cplusplus
extern "C" {
#endif

/** Factor by which a library of one IMF is too faint for stars whose mass formed was counted with
 * another: 1.6 for a library of Salpeter's and stars of Chabrier's or Kroupa's, 1/1.6 the other way
 * round, 1 if they agree within 10 % or a text names none of these.  Local.
 *  Source: Madau & Dickinson 2014, ARA&A 52, 415, section 3.1. */
double cubix_imf_factor(const char *library, const char *stars);
/** 1 if the text names an IMF that the factor is known for.  Local. */
int cubix_imf_is_known(const char *text);

#ifdef __cplusplus
}
#endif
#endif
