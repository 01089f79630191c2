/* gadget_blocks.h -- inside src/simulation: what the blocks of Gadget's binary files hold: of which
 * types of particles, and how many numbers of each. */
#ifndef CUBIX_GADGET_BLOCKS_H
#define CUBIX_GADGET_BLOCKS_H

#include <stdint.h>

struct cubix_gadget_layout {
  char label[8];                  /* without its blanks */
  unsigned types;                 /* bit t: particles of type t have it */
  int n_c[2];                     /* numbers a row; what else it may be, or 0 */
  int whole;                      /* 1: integers */
};

/** Layout of a block by its label, as all codes write it.  Local.  @return NULL: of no known block */
const struct cubix_gadget_layout *cubix_gadget_layout_known(const char *label);
/** Likewise in catalogues of Subfind, where types 0, 1 and 2 are groups, subhaloes and identifiers.  Local. */
const struct cubix_gadget_layout *cubix_gadget_layout_of_groups(const char *label);
/** The label of a known block, written in any case: "im" is iM.  Local.  @return NULL: of no known block */
const char *cubix_gadget_label_known(const char *text);

enum { CUBIX_GADGET_INFO_BYTES = 40 };
/** Layout by an entry of the file's own table of blocks, INFO.  Local.  @param swap  1: of the other byte order
 *  @return 0, or -1: it says nothing of use */
int cubix_gadget_layout_read(struct cubix_gadget_layout *layout, const unsigned char entry[CUBIX_GADGET_INFO_BYTES],
                             int swap);

/** A label of four characters without the blanks that fill it.  Local.  @return 0, or -1: it is no text */
int cubix_gadget_label(char label[8], const unsigned char four[4]);

#endif
