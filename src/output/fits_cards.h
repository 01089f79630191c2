/* fits_cards.h -- header cards of a FITS file, and what goes wrong with one. */
#ifndef CUBIX_FITS_CARDS_H
#define CUBIX_FITS_CARDS_H

#include <errno.h>
#include <fitsio.h>

#include "base/error.h"
#include "output/layout.h"
#include "output/provenance.h"

/* One CFITSIO call; its reason and the system's go into the message. */
#define TRY_FITS(call) \
  do { \
    int fits_status = 0; \
    errno = 0; \
    (call); \
    if (fits_status) { \
      status = cubix_fits_failed(shown, fits_status, errno, __func__, __LINE__); \
      goto done; \
    } \
  } while (0)

/** The error of a CFITSIO call.  Local.
 *  @param shown  the file; code, system  CFITSIO's and errno  @return CUBIX_EOUTPUT */
int cubix_fits_failed(const char *shown, int code, int system, const char *func, int line);
/** The printable ASCII of a text, which is all that the standard allows.  Local. */
void cubix_card_ascii(char *out, size_t size, const char *text);
/** A text with its comment; what one card cannot hold goes on in CONTINUE cards.  Local. */
int cubix_card_text(fitsfile *fits, const char *shown, const char *name, const char *value, const char *comment);
/** EXTNAME, on one card, for readers look for it; a description that finds no room there is a COMMENT.  Local. */
int cubix_card_name(fitsfile *fits, const char *shown, const char *name, const char *description);
/** A card for each fact: "[unit] comment".  Local. */
int cubix_card_facts(fitsfile *fits, const char *shown, const struct cubix_facts *facts);
/** The words that readers of the layout look for, in the first header or in those of planes.  Local. */
int cubix_card_words(fitsfile *fits, const char *shown, const struct cubix_layout *layout, int of_planes);

#endif
