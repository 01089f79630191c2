/* h5filters.c -- deflate, shuffle and Fletcher32, undone without HDF5.
 *
 * HDF5 may be called by one thread at a time only, and so unpacks one chunk after the other.  What
 * these filters do is stated in its documentation ("HDF5 File Format Specification", IV.A.2.l, and the
 * comments of H5checksum.c) and has been the same since 1.6:
 *
 *   deflate     a stream of zlib
 *   shuffle     the first bytes of all elements, then the second ones, ...; what does not fill an
 *               element follows as it is
 *   Fletcher32  four bytes at the end, little-endian: the checksum of what is before them, as words
 *               of 16 bits, big-endian.  HDF5 1.6.2 and older wrote its bytes in another order on
 *               some machines; HDF5 accepts both, and so does this. */
#include "base/h5filters.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/inflate.h"

enum { SUM = 4 };                 /* bytes of a checksum */

struct cubix_h5unpacker {
  size_t room;                    /* bytes of one of the buffers between two filters */
  unsigned char *between[2];
  struct cubix_inflater *inflater;
};

int cubix_h5filters_get(struct cubix_h5filters *f, hid_t creation)
{
  const int n = H5Pget_nfilters(creation);
  if (n <= 0 || n > CUBIX_H5FILTERS_MOST) return 0;
  f->n = n;
  for (int i = 0; i < n; i++) {
    unsigned flags, value[4] = { 0 };
    size_t n_value = sizeof value / sizeof *value;
    char name[2];
    const H5Z_filter_t kind = H5Pget_filter2(creation, (unsigned)i, &flags, &n_value, value, sizeof name, name, NULL);
    if (kind != H5Z_FILTER_DEFLATE && kind != H5Z_FILTER_SHUFFLE && kind != H5Z_FILTER_FLETCHER32) return 0;
    if (kind == H5Z_FILTER_SHUFFLE && (n_value < 1 || value[0] == 0)) return 0;
    f->one[i].kind = kind;
    f->one[i].element = value[0];
  }
  return 1;
}

void cubix_h5unpacker_open(struct cubix_h5unpacker **out, size_t n)
{
  struct cubix_h5unpacker *u = *out = calloc(1, sizeof *u);
  if (!u) return;
  u->room = n + CUBIX_H5FILTERS_MOST * (SUM + n / 1000 + 64);   /* what deflate cannot make smaller grows a little */
  for (int i = 0; i < 2; i++) u->between[i] = malloc(u->room);
  u->inflater = cubix_inflater_open();
  if (u->inflater && u->between[0] && u->between[1]) return;
  cubix_h5unpacker_close(u);
  *out = NULL;
}

void cubix_h5unpacker_close(struct cubix_h5unpacker *u)
{
  if (!u) return;
  cubix_inflater_close(u->inflater);
  for (int i = 0; i < 2; i++) free(u->between[i]);
  free(u);
}

/* Inlined for each size of an element, so that the compiler knows how to interleave. */
static inline void interleave(unsigned char *restrict to, const unsigned char *restrict from, size_t n, size_t element)
{
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < element; k++) to[element * i + k] = from[k * n + i];
}

static void unshuffle(unsigned char *to, const unsigned char *from, size_t n, size_t element)
{
  const size_t n_element = n / element, whole = n_element * element;
  if (element == 2) interleave(to, from, n_element, 2);
  else if (element == 4) interleave(to, from, n_element, 4);
  else if (element == 8) interleave(to, from, n_element, 8);
  else interleave(to, from, n_element, element);
  memcpy(to + whole, from + whole, n - whole);
}

static uint32_t fold(uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

static uint32_t fletcher32(const unsigned char *x, size_t n)
{
  enum { BLOCK = 360 };           /* words of which the sums fit into 32 bits */
  uint32_t one = 0, two = 0;
  for (size_t left = n / 2; left;) {
    size_t now = left < BLOCK ? left : BLOCK;
    left -= now;
    for (; now; now--, x += 2) two += one += (uint32_t)x[0] << 8 | x[1];
    one = fold(one);
    two = fold(two);
  }
  if (n % 2) {
    two += one += (uint32_t)*x << 8;
    one = fold(one);
    two = fold(two);
  }
  return fold(two) << 16 | fold(one);
}

static int is_sum(const unsigned char stored[SUM], uint32_t sum)
{
  const uint32_t s = stored[0] | (uint32_t)stored[1] << 8 | (uint32_t)stored[2] << 16 | (uint32_t)stored[3] << 24,
                 old = (sum & 0x00ff00ff) << 8 | (sum & 0xff00ff00) >> 8;
  return s == sum || s == old;
}

/* @param[in,out] from, n  what filter i made, and then what it was made of */
static const char *undo_one(struct cubix_h5unpacker *u, const struct cubix_h5filters *f, int i, unsigned char *to,
                            size_t room, const unsigned char **from, size_t *n)
{
  const char *wrong = NULL;
  if (f->one[i].kind == H5Z_FILTER_FLETCHER32) {
    if (*n < SUM) return "it is too short for its checksum";
    *n -= SUM;
    return is_sum(*from + *n, fletcher32(*from, *n)) ? NULL : "its checksum (Fletcher32) is not that of its data";
  }
  if (f->one[i].kind == H5Z_FILTER_DEFLATE) {
    wrong = cubix_inflater_run(u->inflater, to, &room, *from, *n);
    *n = room;
  } else if (*n > room) {
    return "it has too many bytes";
  } else {
    unshuffle(to, *from, *n, f->one[i].element);
  }
  *from = to;
  return wrong;
}

const char *cubix_h5unpacker_undo(struct cubix_h5unpacker *u, const struct cubix_h5filters *f, unsigned skipped,
                                  const unsigned char *packed, size_t n_packed, unsigned char *chunk, size_t n)
{
  const unsigned char *at = packed;
  size_t n_now = n_packed;
  int first = 0;                  /* the last to be undone writes where the chunk is wanted */
  while (first < f->n && skipped >> first & 1) first++;
  for (int i = f->n - 1; i >= first; i--) {
    if (skipped >> i & 1) continue;
    unsigned char *to = i == first ? chunk : at == u->between[0] ? u->between[1] : u->between[0];
    const char *wrong = undo_one(u, f, i, to, i == first ? n : u->room, &at, &n_now);
    if (wrong) return wrong;
  }
  if (n_now != n) return n_now < n ? "it has too few bytes" : "it has too many bytes";
  if (at != chunk) memcpy(chunk, at, n);
  return NULL;
}
