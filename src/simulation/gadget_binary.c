/* gadget_binary.c -- snapshots of Gadget in its own formats 1 and 2, of Gadget-1 to Gadget-4 and their kin.
 *
 * A file is a row of records, each between two markers of 4 bytes that state its length, in either
 * byte order.  The first holds the header: 256 bytes, or the 24 n + 48 of Gadget-4 with n types of
 * particles (192), which says nothing of the cosmology.  Then come blocks: one quantity of all particles that
 * have it, type after type.  In format 2 a record of 8 bytes before each block holds its label; in format 1
 * positions, velocities, numbers and masses come first, and what follows them only the user knows
 * (GadgetBlocks).
 *
 * MASS holds the particles of those types whose mass is not in the header's table, and is not there where
 * there are none.  Which types have the other blocks is said by the table INFO, or else is the same in all
 * codes (gadget_blocks.c); whether numbers have 4 or 8 bytes follows from the length.  A length that
 * fits neither is an error.  Markers hold 32 bits, so a longer block's is its length modulo 4 GiB: the length is the
 * one that the counts of particles give, or the shortest that is followed by the same marker.
 * (What a label's record says of the length overflows as well, and is not read.)
 *
 * Catalogues of Subfind are files of format 2 as well: in the place of the types 0, 1 and 2 they count groups,
 * subhaloes, and identifiers of particles. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "simulation/gadget_blocks.h"
#include "simulation/source_raw.h"

enum { MOST_TYPES = 32, MOST_BLOCKS = 256, OLD_HEADER = 256 };

struct block {
  char label[8];
  int64_t at, size;               /* of its numbers [byte] */
};

struct gadget {
  struct cubix_raw *raw;
  const char *path;
  int64_t size, at;               /* of the file; where the next record begins [byte] */
  int swap, labelled;             /* 1: the other byte order; format 2 */
  int catalogue;                  /* 1: groups, subhaloes and identifiers, in the place of particles, are wanted */
  int n_type;
  int64_t n[MOST_TYPES];          /* particles */
  double mass[MOST_TYPES];        /* of each of them; 0: in a block */
  int n_block, n_info;
  struct block block[MOST_BLOCKS];
  struct cubix_gadget_layout info[MOST_BLOCKS];
};

/* A number of the file.  @return -1 where the file ends before */
static int get(const struct gadget *g, int64_t at, void *x, size_t bytes)
{
  return cubix_raw_bytes(g->raw, at, x, bytes, g->swap ? bytes : 1);
}

/* ---- records --------------------------------------------------------------------------------- */

/* Is the record at g->at one of this length: does the same marker stand at its end? */
static int closes(const struct gadget *g, int64_t size, uint32_t marker)
{
  uint32_t end, label;
  const int64_t after = g->at + size + 8;
  if (size < 0 || after > g->size || (uint32_t)size != marker) return 0;
  if (get(g, after - 4, &end, 4) || end != marker) return 0;
  /* where only chance may have put that marker, a label or the end must follow */
  if (size >> 32 && g->labelled && after < g->size) return !get(g, after, &label, 4) && label == 8;
  return 1;
}

/* The record at g->at, of a block with this label.  @param likely [n] lengths that it may have */
static int next_record(struct block *block, struct gadget *g, const char *label, const int64_t *likely, int n)
{
  int status = CUBIX_OK;
  uint32_t marker = 0, end = 0;
  int64_t size = -1;
  snprintf(block->label, sizeof block->label, "%s", label);
  CUBIX_CHECK(!get(g, g->at, &marker, 4), CUBIX_EINPUT, "%s ends at byte %lld, where its block %s should begin",
              g->path, (long long)g->size, label);
  for (int i = 0; i < n && size < 0; i++)
    if (closes(g, likely[i], marker)) size = likely[i];
  for (int64_t s = marker; s <= g->size - g->at - 8 && size < 0; s += (int64_t)1 << 32)
    if (closes(g, s, marker)) size = s;
  CUBIX_CHECK(size >= 0 || g->at + 8 + (int64_t)marker <= g->size, CUBIX_EINPUT,
              "%s ends within its block %s, which has %u bytes or more from byte %lld on: the file has %lld bytes and "
              "is not all there",
              g->path, label, marker, (long long)g->at + 4, (long long)g->size);
  if (size < 0) get(g, g->at + 4 + (int64_t)marker, &end, 4);
  CUBIX_CHECK(size >= 0, CUBIX_EINPUT,
              "%s is damaged: the record of its block %s, at byte %lld, has %u bytes by the marker before it and %u by "
              "the one behind it",
              g->path, label, (long long)g->at, marker, end);
  block->at = g->at + 4;
  block->size = size;
  g->at += size + 8;
done:
  return status;
}

/* ---- header ---------------------------------------------------------------------------------- */

static int is_header(int64_t size)
{
  return size == OLD_HEADER || (size >= 24 * 2 + 48 && size <= 24 * MOST_TYPES + 48 && (size - 48) % 24 == 0);
}

/* Numbers of particles, their masses, and what the file says of the whole snapshot. */
static int read_header(struct gadget *g, const struct block *head)
{
  int status = CUBIX_OK;
  const int old = head->size == OLD_HEADER, n = g->n_type = old ? 6 : (int)(head->size - 48) / 24;
  const int64_t mass = head->at + (old ? 24 : 16 * n), box = head->at + (old ? 128 : 24 * n + 16);
  double count[MOST_TYPES], x[5], several;
  int32_t n_file = 0;
  int lost = 0;
  struct cubix_source *source = cubix_raw_source(g->raw);
  for (int t = 0; t < n; t++) {
    uint32_t narrow = 0;
    uint64_t wide = 0;
    lost |= old ? get(g, head->at + 4 * t, &narrow, 4) : get(g, head->at + 8 * t, &wide, 8);
    lost |= get(g, mass + 8 * t, &g->mass[t], 8);
    wide += narrow;
    CUBIX_CHECK(lost || wide <= (uint64_t)g->size, CUBIX_EINPUT,
                "%s: its header counts %llu particles of type %d, more than the file has bytes (%lld): it is damaged",
                g->path, (unsigned long long)wide, t, (long long)g->size);
    CUBIX_CHECK(lost || (isfinite(g->mass[t]) && g->mass[t] >= 0), CUBIX_EINPUT,
                "%s: its header says that particles of type %d have the mass %g: it is damaged", g->path, t,
                g->mass[t]);
    g->n[t] = (int64_t)wide;
    count[t] = (double)wide;
  }
  for (int i = 0; i < 2; i++) lost |= get(g, mass + 8 * (n + i), &x[i], 8);
  lost |= get(g, box, &x[2], 8) || get(g, old ? box - 4 : box + 8, &n_file, 4);
  CUBIX_CHECK(!lost, CUBIX_EINPUT, "%s ends within its header", g->path);
  several = n_file;
  CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "NumPart_ThisFile", count, n));
  CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "MassTable", g->mass, n));
  CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "Time", &x[0], 1));
  CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "Redshift", &x[1], 1));
  CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "BoxSize", &x[2], 1));
  CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "NumFilesPerSnapshot", &several, 1));
  if (!old) {
    /* Gadget-4: z = 1/Time - 1 in an expanding universe, and 0 in others whatever the Time */
    const double zero = 0;
    if (x[1] == 0 && fabs(x[0] - 1) > 1e-3)
      CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", "ComovingIntegrationOn", &zero, 1));
    else if (x[1] == 0)
      snprintf(source->assumed, sizeof source->assumed,
               "its header has a redshift of 0 and a time of %g, as both a cosmological run today and an isolated one "
               "at that time have: it is taken as cosmological", x[0]);
    goto done;
  }
  static const char *const name[] = { "Omega0", "OmegaLambda", "HubbleParam" };
  for (int i = 0; i < 3; i++) {
    CUBIX_CHECK(!get(g, box + 8 * (i + 1), &x[0], 8), CUBIX_EINPUT, "%s ends within its header", g->path);
    CUBIX_TRY(cubix_raw_add_numbers(g->raw, "Header", name[i], &x[0], 1));
  }
done:
  return status;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static int has_block(const struct gadget *g, const struct cubix_gadget_layout *layout, int type)
{
  return (layout->types >> type & 1u) && g->n[type] > 0 && (strcmp(layout->label, "MASS") || g->mass[type] == 0);
}

static int64_t count_all(const struct gadget *g)
{
  int64_t n = 0;
  for (int t = 0; t < g->n_type; t++) n += g->n[t];
  return n;
}

static int64_t count_rows(const struct gadget *g, const struct cubix_gadget_layout *layout)
{
  int64_t n = 0;
  for (int t = 0; t < g->n_type; t++)
    if (has_block(g, layout, t)) n += g->n[t];
  return n;
}

/* Lengths that a block may have: one or the other number of components, of 4 or of 8 bytes.  @return how many */
static int likely_sizes(int64_t size[4], const struct gadget *g, const struct cubix_gadget_layout *layout)
{
  int n = 0;
  if (!layout) return 0;
  for (int i = 0; i < 2 && layout->n_c[i]; i++)
    for (int word = 4; word <= 8; word += 4) size[n++] = count_rows(g, layout) * layout->n_c[i] * word;
  return n;
}

static int add_columns(const struct gadget *g, const struct cubix_gadget_layout *layout, const struct block *block,
                       int n_c, int word)
{
  int status = CUBIX_OK;
  int64_t at = block->at;
  for (int t = 0; t < g->n_type; t++) {
    if (!has_block(g, layout, t)) continue;
    struct cubix_raw_column column = { .n_row = g->n[t], .n_c = n_c, .swap = g->swap, .factor = 1,
                                       .stride = n_c * word };
    snprintf(column.path, sizeof column.path, "PartType%d/%s", t, layout->label);
    column.type = layout->whole ? (word == 4 ? CUBIX_RAW_U4 : CUBIX_RAW_U8) : word == 4 ? CUBIX_RAW_F4 : CUBIX_RAW_F8;
    for (int c = 0; c < n_c && c < 3; c++) column.at[c] = at + c * word;
    CUBIX_TRY(cubix_raw_add_column(g->raw, &column));
    at += g->n[t] * column.stride;
  }
done:
  return status;
}

/* The columns of a block, if it is as long as its layout says. */
static int add_block(const struct gadget *g, const struct cubix_gadget_layout *layout, const struct block *block)
{
  int status = CUBIX_OK;
  const int64_t n_row = count_rows(g, layout);
  int64_t size[4];
  const int n = likely_sizes(size, g, layout);
  int fits = -1;
  for (int i = 0; i < n && fits < 0; i++)
    if (size[i] == block->size) fits = i;
  CUBIX_CHECK(fits >= 0, CUBIX_EINPUT,
              "%s: its block %s has %lld bytes, which fits neither numbers of 4 nor of 8 bytes: by the header %lld "
              "particles have it, and %d number%s each make %lld or %lld bytes%s",
              g->path, block->label, (long long)block->size, (long long)n_row, layout->n_c[0],
              layout->n_c[0] > 1 ? "s" : "", (long long)size[0], (long long)size[1],
              g->labelled ? "" : "; does GadgetBlocks list the blocks in the order of the file?");
  if (n_row) CUBIX_TRY(add_columns(g, layout, block, layout->n_c[fits / 2], fits % 2 ? 8 : 4));
done:
  return status;
}

static const struct block *find_block(const struct gadget *g, const char *label)
{
  for (int i = 0; i < g->n_block; i++)
    if (!strcmp(g->block[i].label, label)) return &g->block[i];
  return NULL;
}

static int keep_block(struct block **block, struct gadget *g)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(g->n_block < MOST_BLOCKS, CUBIX_EINPUT, "%s has more than %d blocks: it is damaged", g->path,
              MOST_BLOCKS);
  *block = &g->block[g->n_block++];
done:
  return status;
}

/* Blocks@POS, Blocks@VEL ...: an attribute for each block of the file and of its table, of which it may have no
 * particles. */
static int list_blocks(const struct gadget *g)
{
  int status = CUBIX_OK;
  for (int i = 0; i < g->n_block; i++)
    CUBIX_TRY(cubix_raw_add_text(g->raw, "Blocks", g->block[i].label, "in the file"));
  for (int i = 0; i < g->n_info; i++)
    if (!find_block(g, g->info[i].label))
      CUBIX_TRY(cubix_raw_add_text(g->raw, "Blocks", g->info[i].label, "in INFO"));
done:
  return status;
}

/* ---- format 2 -------------------------------------------------------------------------------- */

static int read_label(char label[8], struct gadget *g)
{
  int status = CUBIX_OK;
  struct block record;
  uint32_t marker = 0;
  unsigned char four[4];
  CUBIX_CHECK(!get(g, g->at, &marker, 4) && marker == 8, CUBIX_EINPUT,
              "%s is damaged, or not all there: the label of a block, a record of 8 bytes, should stand at byte %lld "
              "of %lld",
              g->path, (long long)g->at, (long long)g->size);
  CUBIX_TRY(next_record(&record, g, "label", NULL, 0));
  CUBIX_CHECK(!cubix_raw_bytes(g->raw, record.at, four, 4, 1) && !cubix_gadget_label(label, four), CUBIX_EINPUT,
              "%s is damaged: what should be the label of a block, at byte %lld, is no text", g->path,
              (long long)record.at);
done:
  return status;
}

static int read_info(struct gadget *g, const struct block *block)
{
  int status = CUBIX_OK;
  unsigned char entry[CUBIX_GADGET_INFO_BYTES];
  CUBIX_CHECK(block->size % CUBIX_GADGET_INFO_BYTES == 0, CUBIX_EINPUT,
              "%s: its block INFO has %lld bytes; an entry has %d", g->path, (long long)block->size,
              CUBIX_GADGET_INFO_BYTES);
  for (int64_t at = 0; at < block->size && g->n_info < MOST_BLOCKS; at += CUBIX_GADGET_INFO_BYTES) {
    CUBIX_CHECK(!cubix_raw_bytes(g->raw, block->at + at, entry, sizeof entry, 1), CUBIX_EINPUT,
                "%s cannot be read at byte %lld", g->path, (long long)(block->at + at));
    if (!cubix_gadget_layout_read(&g->info[g->n_info], entry, g->swap)) g->n_info++;
  }
done:
  return status;
}

/* The file's own word on a block, or else everybody's. */
static const struct cubix_gadget_layout *layout_of(const struct gadget *g, const char *label)
{
  for (int i = 0; i < g->n_info; i++)
    if (!strcmp(g->info[i].label, label)) return &g->info[i];
  return g->catalogue ? cubix_gadget_layout_of_groups(label) : cubix_gadget_layout_known(label);
}

/* A file with particles has their positions. */
static int check_kind(const struct gadget *g)
{
  int status = CUBIX_OK;
  const int64_t n = count_all(g);
  if (g->catalogue) goto done;
  CUBIX_CHECK(!find_block(g, "GLEN") && !find_block(g, "SLEN"), CUBIX_EINPUT,
              "%s holds groups and not particles (its blocks are GLEN, SLEN ...): it is a catalogue of Subfind; name "
              "the snapshot itself",
              g->path);
  CUBIX_CHECK(n == 0 || find_block(g, "POS"), CUBIX_EINPUT,
              "%s is no snapshot: its header counts %lld particles, and there is no block POS", g->path, (long long)n);
done:
  return status;
}

static int index_labelled(struct gadget *g, char *note, size_t size)
{
  int status = CUBIX_OK;
  char label[8];
  int64_t likely[4] = { 0 };
  struct block *block = NULL, head;
  CUBIX_TRY(read_label(label, g));
  CUBIX_CHECK(!strcmp(label, "HEAD"), CUBIX_EINPUT, "%s: its first block is %s, and should be HEAD", g->path, label);
  CUBIX_TRY(next_record(&head, g, label, NULL, 0));
  CUBIX_CHECK(is_header(head.size), CUBIX_EINPUT,
              "%s: its header has %lld bytes, and those of Gadget have 256, or 24 for each type of particles and 48",
              g->path, (long long)head.size);
  CUBIX_TRY(read_header(g, &head));
  while (g->at < g->size) {
    CUBIX_TRY(read_label(label, g));
    CUBIX_TRY(keep_block(&block, g));
    CUBIX_TRY(next_record(block, g, label, likely, likely_sizes(likely, g, cubix_gadget_layout_known(label))));
  }
  CUBIX_TRY(check_kind(g));
  if (find_block(g, "INFO")) CUBIX_TRY(read_info(g, find_block(g, "INFO")));
  for (int i = 0; i < g->n_block; i++) {
    const struct cubix_gadget_layout *layout = layout_of(g, g->block[i].label);
    if (layout) CUBIX_TRY(add_block(g, layout, &g->block[i]));
    else if (strcmp(g->block[i].label, "INFO"))
      snprintf(note + strlen(note), size - strlen(note), "%s%s",
               note[0] ? ", " : "not read, for nobody says what is in them, are the blocks ", g->block[i].label);
  }
done:
  return status;
}

/* ---- format 1 -------------------------------------------------------------------------------- */

/* The next block, where there are particles that have it. */
static int read_unlabelled(struct gadget *g, const char *label, const char *names)
{
  int status = CUBIX_OK;
  const struct cubix_gadget_layout *layout = cubix_gadget_layout_known(label);
  uint32_t marker = 1;
  int64_t likely[4] = { 0 };
  struct block *block = NULL;
  if (layout && count_rows(g, layout) == 0 && (get(g, g->at, &marker, 4) || marker > 0)) goto done;
  CUBIX_CHECK(!names || g->at < g->size, CUBIX_EINPUT,
              "%s ends at byte %lld, where its block %s should begin: GadgetBlocks = %s lists more blocks than there "
              "are", g->path, (long long)g->at, label, names);
  CUBIX_CHECK(!layout || !find_block(g, label), CUBIX_EUSAGE,
              "GadgetBlocks = %s names %s twice; give other blocks another name of up to 4 letters, to pass them over",
              names, label);
  CUBIX_TRY(keep_block(&block, g));
  CUBIX_TRY(next_record(block, g, label, likely, likely_sizes(likely, g, layout)));
  if (layout) CUBIX_TRY(add_block(g, layout, block));
done:
  return status;
}

/* The next name of GadgetBlocks, "" behind the last.  Those of known blocks may be written in any case. */
static int next_name(char label[8], const char **at, const char *names)
{
  static const char between[] = " ,\t";
  int status = CUBIX_OK;
  *at += strspn(*at, between);
  const size_t length = strcspn(*at, between);
  CUBIX_CHECK(length <= 4, CUBIX_EUSAGE,
              "GadgetBlocks = %s: %.*s is no name of a block; they have up to 4 characters, like U RHO NE NH HSML SFR "
              "AGE iM Z", names, (int)length, *at);
  snprintf(label, 8, "%.*s", (int)length, *at);
  const char *known = cubix_gadget_label_known(label);
  if (known) snprintf(label, 8, "%s", known);
  *at += length;
done:
  return status;
}

/* Behind a header without particles nothing but empty records may come. */
static int check_empty(struct gadget *g)
{
  int status = CUBIX_OK;
  struct block block;
  while (g->at < g->size) {
    CUBIX_TRY(next_record(&block, g, "behind the header", NULL, 0));
    CUBIX_CHECK(block.size == 0, CUBIX_EINPUT,
                "%s: its header counts 0 particles, but a block of %lld bytes follows, at byte %lld: it is damaged",
                g->path, (long long)block.size, (long long)block.at);
  }
done:
  return status;
}

static int index_unlabelled(struct gadget *g, const char *names, char *note, size_t size)
{
  static const char *const first[] = { "POS", "VEL", "ID", "MASS" };
  int status = CUBIX_OK, n = 0;
  struct block head, other;
  CUBIX_TRY(next_record(&head, g, "header", NULL, 0));
  CUBIX_TRY(read_header(g, &head));
  if (count_all(g) == 0) {
    CUBIX_TRY(check_empty(g));
    goto done;
  }
  for (int i = 0; i < 4; i++) CUBIX_TRY(read_unlabelled(g, first[i], NULL));
  for (const char *at = names; *at;) {
    char label[8];
    int named = 0;                /* already */
    CUBIX_TRY(next_name(label, &at, names));
    for (int i = 0; i < 4; i++) named |= !strcmp(label, first[i]);
    if (label[0] && !named) CUBIX_TRY(read_unlabelled(g, label, names));
  }
  for (; g->at < g->size; n++) CUBIX_TRY(next_record(&other, g, "without a name", NULL, 0));
  if (n)
    snprintf(note, size, "behind %s there %s %d block%s without a name, not read; GadgetBlocks names them, like "
             "GadgetBlocks \"U RHO HSML AGE Z\"", g->n_block ? g->block[g->n_block - 1].label : "the header",
             n > 1 ? "are" : "is", n, n > 1 ? "s" : "");
done:
  return status;
}

/* ---- the source ------------------------------------------------------------------------------ */

/* Does it begin as such a file does, in one order of bytes or the other? */
static int is_gadget(struct gadget *g)
{
  uint32_t first, end;
  for (g->swap = 0; g->swap < 2; g->swap++) {
    if (get(g, 0, &first, 4)) return 0;
    g->labelled = first == 8;
    if (first == OLD_HEADER || first == 192) return 1;
    if ((g->labelled || is_header(first)) && !get(g, 4 + (int64_t)first, &end, 4) && end == first) return 1;
  }
  return 0;
}

int cubix_source_gadget_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options)
{
  int status = CUBIX_OK;
  struct gadget *g = NULL;
  char note[sizeof (*source)->note] = "";
  CUBIX_ALLOC(g, 1);
  CUBIX_TRY(cubix_raw_open(&g->raw, "gadget", path));
  g->path = path;
  g->size = cubix_raw_size(g->raw);
  g->catalogue = options->catalogue;
  if (!is_gadget(g)) goto done;
  CUBIX_TRY(g->labelled ? index_labelled(g, note, sizeof note)
                        : index_unlabelled(g, options->gadget_blocks, note, sizeof note));
  CUBIX_TRY(list_blocks(g));
  *source = cubix_raw_source(g->raw);
  (*source)->takes_blocks = !g->labelled;
  snprintf((*source)->note, sizeof (*source)->note, "%s", note);
  g->raw = NULL;
done:
  if (g) cubix_raw_close(g->raw);
  free(g);
  return status;
}
