/* plane_names.h -- what the layouts of FITS files call flux, its spread and its quality: files are written (output) and
 * read again (fit) by these. */
#ifndef CUBIX_PLANE_NAMES_H
#define CUBIX_PLANE_NAMES_H

#define CUBIX_PLAIN_DATA "DATA"             /* of plain and muse */
#define CUBIX_PLAIN_STAT "STAT"
#define CUBIX_PLAIN_DQ   "DQ"
#define CUBIX_MANGA_DATA "FLUX"
#define CUBIX_MANGA_IVAR "IVAR"
#define CUBIX_MANGA_DQ   "MASK"
#define CUBIX_SAMI_DATA  "PRIMARY"
#define CUBIX_SAMI_STAT  "VARIANCE"
#define CUBIX_SAMI_DQ    "DQ"
#define CUBIX_JWST_DATA  "SCI"
#define CUBIX_JWST_ERR   "ERR"
#define CUBIX_JWST_DQ    "DQ"

#endif
