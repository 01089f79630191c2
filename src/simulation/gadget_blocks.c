/* gadget_blocks.c -- layouts of blocks: those that all descendants of Gadget-2 write alike, and the
 * table INFO of the newer ones.
 *
 * An entry of INFO has 40 bytes: 4 characters of label, 8 of type (FLOAT, FLOATN, DOUBLE, DOUBLEN, LONG,
 * LLONG), the number of components, and six numbers that say which types of particles have the block.
 * Whether numbers have 4 or 8 bytes is seen by the length of the block. */
#define _POSIX_C_SOURCE 200809L
#include "simulation/gadget_blocks.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "simulation/source_raw.h"

#define EVERY 0xffffffffu
#define GAS 1u
#define STARS (1u << 4)

static const struct cubix_gadget_layout known[] = {
  { "POS", EVERY, { 3, 0 }, 0 },
  { "VEL", EVERY, { 3, 0 }, 0 },
  { "ID", EVERY, { 1, 0 }, 1 },
  { "MASS", EVERY, { 1, 0 }, 0 }, /* but of types with a mass in the header */
  { "POT", EVERY, { 1, 0 }, 0 },
  { "U", GAS, { 1, 0 }, 0 },
  { "RHO", GAS, { 1, 0 }, 0 },
  { "NE", GAS, { 1, 0 }, 0 },
  { "NH", GAS, { 1, 0 }, 0 },
  { "HSML", GAS, { 1, 0 }, 0 },
  { "SFR", GAS, { 1, 0 }, 0 },
  { "TEMP", GAS, { 1, 0 }, 0 },
  { "AGE", STARS, { 1, 0 }, 0 },
  { "iM", STARS, { 1, 0 }, 0 },
  { "Z", GAS | STARS, { 1, 0 }, 0 },
  { "Zs", GAS | STARS, { 11, 8 }, 0 },
};

/* Of groups, subhaloes, identifiers. */
static const struct cubix_gadget_layout of_groups[] = {
  { "GLEN", 1, { 1, 0 }, 1 },
  { "GOFF", 1, { 1, 0 }, 1 },
  { "GPOS", 1, { 3, 0 }, 0 },
  { "RCRI", 1, { 1, 0 }, 0 },
  { "NSUB", 1, { 1, 0 }, 1 },
  { "FSUB", 1, { 1, 0 }, 1 },
  { "SLEN", 2, { 1, 0 }, 1 },
  { "SOFF", 2, { 1, 0 }, 1 },
  { "SSUB", 2, { 1, 0 }, 1 },
  { "GRNR", 2, { 1, 0 }, 1 },
  { "SPOS", 2, { 3, 0 }, 0 },
  { "SVEL", 2, { 3, 0 }, 0 },
  { "RHMS", 2, { 1, 0 }, 0 },
  { "PID", 4, { 1, 0 }, 1 },
};

static const struct cubix_gadget_layout *find(const struct cubix_gadget_layout *table, size_t n, const char *label)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(table[i].label, label)) return &table[i];
  return NULL;
}

const struct cubix_gadget_layout *cubix_gadget_layout_known(const char *label)
{
  return find(known, sizeof known / sizeof *known, label);
}

const struct cubix_gadget_layout *cubix_gadget_layout_of_groups(const char *label)
{
  return find(of_groups, sizeof of_groups / sizeof *of_groups, label);
}

const char *cubix_gadget_label_known(const char *text)
{
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcasecmp(known[i].label, text)) return known[i].label;
  return NULL;
}

int cubix_gadget_label(char label[8], const unsigned char four[4])
{
  size_t n = 4;
  memset(label, 0, 8);
  while (n && (four[n - 1] == ' ' || four[n - 1] == 0)) n--;
  for (size_t i = 0; i < n; i++)
    if (four[i] <= ' ' || four[i] > '~' || four[i] == '/') return -1;
  memcpy(label, four, n);
  return n ? 0 : -1;
}

int cubix_gadget_layout_read(struct cubix_gadget_layout *layout, const unsigned char entry[CUBIX_GADGET_INFO_BYTES],
                             int swap)
{
  enum { MOST = 1000 };
  const char *type = (const char *)entry + 4;
  *layout = (struct cubix_gadget_layout){ .n_c = { (int)cubix_raw_integer(entry + 12, CUBIX_RAW_I4, swap), 0 } };
  layout->whole = !strncmp(type, "LONG", 4) || !strncmp(type, "LLONG", 5);
  if (!layout->whole && strncmp(type, "FLOAT", 5) && strncmp(type, "DOUBLE", 6)) return -1;
  if (layout->n_c[0] < 1 || layout->n_c[0] > MOST) return -1;
  for (int t = 0; t < 6; t++)
    if (cubix_raw_integer(entry + 16 + 4 * t, CUBIX_RAW_I4, swap)) layout->types |= 1u << t;
  return cubix_gadget_label(layout->label, entry);
}
