/* h5data.c -- is what a dataset promises there?
 *
 * HDF5 reads what is missing as the fill value, 0 unless told otherwise, and returns success: the
 * rows of a virtual dataset whose source file has moved, the end of an external file that was cut
 * short, chunks that a writer never came to.  Stars of mass 0 and formed at a = 0 pass every other
 * test.  So each dataset is looked at before it is read:
 *
 *   virtual     every source is looked for where HDF5 looks (below), opened, and examined in the
 *               same way, for it may be virtual itself; it must be as long as the
 *               mapping says; and the mappings together must cover the dataset
 *   external    each file must be as long as its part
 *   contiguous  storage must be there, and
 *   chunked     so must every chunk, unless the writer chose a fill value of its own: then it means what it says.
 *
 * Chunks that are packed need their filters, which may be plugins.
 *
 * `%b` in the name of a source counts blocks along the dataset's unlimited axis: such a dataset
 * ends before the first that is missing, so that the next names are looked for, too; asked how long
 * it is, HDF5 opens one source after the other, which are therefore examined before.  "." is the
 * virtual file. */
#define _XOPEN_SOURCE 700
#include "base/h5data.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/h5search.h"
#include "base/h5source.h"
#include "base/infile.h"

enum { DEPTH = 16, AHEAD = 32, NAME = 4096 };

/* The dataset that is looked at. */
struct subject {
  hid_t set, creation;
  char file[NAME];                /* as it was opened */
  const char *path;
  int depth, rank;
  hsize_t shape[H5S_MAX_RANK];
  hsize_t n;                      /* of its values */
};

static int open_whole(hid_t *set, int *abroad, hid_t file, const char *path, int depth);

/* ---- virtual datasets ------------------------------------------------------------------------ */
/* "part%b.hdf5" of block 3 -> "part3.hdf5"; "%%" -> "%".  @return 1 where blocks are counted in it */
static int of_block(char *name, size_t size, const char *pattern, hsize_t block)
{
  size_t used = 0;
  int counts = 0;
  for (const char *p = pattern; *p && used + 24 < size; p++) {
    if (p[0] == '%' && p[1] == 'b') {
      used += (size_t)snprintf(name + used, size - used, "%llu", (unsigned long long)block);
      counts = 1;
      p++;
    } else {
      p += p[0] == '%' && p[1] == '%';
      name[used++] = *p;
    }
  }
  name[used] = '\0';
  return counts;
}

struct mapping {
  hid_t here, there;              /* what is selected of the virtual dataset and of the source */
  char file[NAME], path[NAME];    /* patterns, where the mapping is unlimited */
};

static int mapping_get(struct mapping *m, hid_t creation, size_t i)
{
  m->here = H5Pget_virtual_vspace(creation, i);
  m->there = H5Pget_virtual_srcspace(creation, i);
  return m->here >= 0 && m->there >= 0 && H5Pget_virtual_filename(creation, i, m->file, sizeof m->file) >= 0 &&
         H5Pget_virtual_dsetname(creation, i, m->path, sizeof m->path) >= 0;
}

static void mapping_put(struct mapping *m)
{
  if (m->here >= 0) H5Sclose(m->here);
  if (m->there >= 0) H5Sclose(m->there);
  m->here = m->there = -1;
}

/* How many blocks of a regular selection begin within the dataset, where it is unlimited.  @return 0: it is not */
static int count_blocks(hsize_t *n_block, hid_t here, const struct subject *s)
{
  hsize_t start[H5S_MAX_RANK], stride[H5S_MAX_RANK], count[H5S_MAX_RANK], block[H5S_MAX_RANK];
  if (H5Sget_select_type(here) != H5S_SEL_HYPERSLABS || H5Sis_regular_hyperslab(here) <= 0 ||
      H5Sget_regular_hyperslab(here, start, stride, count, block) < 0)
    return 0;
  for (int d = 0; d < s->rank; d++) {
    if (count[d] != H5S_UNLIMITED) continue;
    *n_block = s->shape[d] > start[d] ? (s->shape[d] - start[d] + stride[d] - 1) / stride[d] : 0;
    return 1;
  }
  return 0;
}

/* The source reaches as far as the mapping takes from it. */
static int check_reach(const struct subject *s, const struct mapping *m, hid_t source, const char *file,
                       const char *path)
{
  int status = CUBIX_OK, rank;
  hsize_t first[H5S_MAX_RANK], last[H5S_MAX_RANK], shape[H5S_MAX_RANK];
  hid_t space = H5Dget_space(source);
  const hssize_t n_wanted = H5Sget_select_npoints(m->here);
  rank = H5Sget_simple_extent_dims(space, shape, NULL);
  if (H5Sget_select_type(m->there) == H5S_SEL_ALL) {       /* of which the file does not say how much it is */
    CUBIX_CHECK(n_wanted == (hssize_t)H5S_UNLIMITED || H5Sget_simple_extent_npoints(space) == n_wanted, CUBIX_EINPUT,
                "%s: /%s takes %lld values from /%s of %s, which has %lld: was that file changed?", s->file, s->path,
                (long long)n_wanted, path, file, (long long)H5Sget_simple_extent_npoints(space));
    goto done;
  }
  CUBIX_CHECK(rank == H5Sget_simple_extent_ndims(m->there), CUBIX_EINPUT,
              "%s: /%s takes from /%s of %s, which has %d dimensions instead of %d", s->file, s->path, path, file, rank,
              H5Sget_simple_extent_ndims(m->there));
  if (H5Sget_select_npoints(m->there) == (hssize_t)H5S_UNLIMITED || H5Sget_select_bounds(m->there, first, last) < 0)
    goto done;
  for (int d = 0; d < rank; d++)
    CUBIX_CHECK(last[d] < shape[d], CUBIX_EINPUT,
                "%s: /%s takes %llu rows (dimension %d) from /%s of %s, which has %llu: the rest would be read as 0",
                s->file, s->path, (unsigned long long)last[d] + 1, d, path, file, (unsigned long long)shape[d]);
done:
  H5Sclose(space);
  return status;
}

/* One source file and its dataset. */
static int check_source(const struct subject *s, const struct mapping *m, const char *name, const char *path)
{
  int status = CUBIX_OK;
  char where[NAME];
  hid_t file = -1, source = -1;
  path += strspn(path, "/");
  if (strcmp(name, ".") == 0) snprintf(where, sizeof where, "%s", s->file);
  else status = cubix_h5_find(where, sizeof where, CUBIX_H5_SOURCE, s->file, name);
  if (!status) status = cubix_h5_open(&file, where);
  if (status)
    cubix_error_about("%s: /%s is a virtual dataset, and not all of its sources are there (put them back, or set "
                      "HDF5_VDS_PREFIX to their folder)",
                      s->file, s->path);
  CUBIX_TRY(status);
  CUBIX_TRY(open_whole(&source, NULL, file, path, s->depth + 1));
  CUBIX_CHECK(source >= 0, CUBIX_EINPUT, "%s: /%s is a virtual dataset and takes from /%s of %s, which is not there",
              s->file, s->path, path, where);
  CUBIX_TRY(check_reach(s, m, source, where, path));
done:
  if (source >= 0) H5Dclose(source);
  if (file >= 0) H5Fclose(file);
  return status;
}

/* One mapping: its source, or those of all blocks. */
static int check_mapping(const struct subject *s, const struct mapping *m)
{
  int status = CUBIX_OK, by_file, by_path;
  hsize_t n_block = 1;
  char name[NAME], path[NAME], where[NAME];
  const int unlimited = count_blocks(&n_block, m->here, s);
  by_file = of_block(name, sizeof name, m->file, 0);
  by_path = of_block(path, sizeof path, m->path, 0);
  if (!unlimited || !(by_file || by_path)) {
    CUBIX_TRY(check_source(s, m, unlimited ? name : m->file, unlimited ? path : m->path));
    goto done;
  }
  for (hsize_t b = 0; b < n_block || b == 0; b++) {
    of_block(name, sizeof name, m->file, b);
    of_block(path, sizeof path, m->path, b);
    CUBIX_TRY(check_source(s, m, name, path));
  }
  for (hsize_t b = n_block + 1; by_file && b < n_block + AHEAD; b++) {
    of_block(name, sizeof name, m->file, b);
    if (cubix_h5_find(where, sizeof where, CUBIX_H5_SOURCE, s->file, name)) cubix_error_clear();
    if (!cubix_infile_is(where)) continue;
    of_block(name, sizeof name, m->file, n_block);
    of_block(path, sizeof path, m->path, n_block);
    CUBIX_TRY(check_source(s, m, name, path));
  }
done:
  return status;
}

/* The sources that HDF5 opens when it is asked how long the dataset is: those of an unlimited
 * mapping, up to the first that is missing. */
static int look_ahead(const struct subject *s, const struct mapping *m)
{
  int status = CUBIX_OK, counts = 1;
  char name[NAME], path[NAME], where[NAME];
  hid_t file = -1, source = -1;
  for (hsize_t b = 0; counts; b++) {
    counts = of_block(name, sizeof name, m->file, b) | of_block(path, sizeof path, m->path, b);
    if (strcmp(name, ".") == 0) snprintf(where, sizeof where, "%s", s->file);
    else status = cubix_h5_find(where, sizeof where, CUBIX_H5_SOURCE, s->file, name);
    if (status || !cubix_h5_is(where)) break;
    CUBIX_TRY(cubix_h5_open(&file, where));
    CUBIX_TRY(open_whole(&source, NULL, file, path + strspn(path, "/"), s->depth + 1));
    if (source < 0) break;
    H5Dclose(source);
    H5Fclose(file);
    source = file = -1;
  }
done:
  if (status) cubix_error_about("%s: /%s is a virtual dataset, of which a source cannot be read", s->file, s->path);
  if (source >= 0) H5Dclose(source);
  if (file >= 0) H5Fclose(file);
  return status;
}

static int is_unlimited(hid_t selected)
{
  return H5Sget_select_npoints(selected) == (hssize_t)H5S_UNLIMITED;
}

/* Before HDF5 is asked how long a virtual dataset is. */
static int check_unlimited(const struct subject *s)
{
  int status = CUBIX_OK;
  size_t n = 0;
  struct mapping m = { -1, -1, "", "" };
  CUBIX_CHECK(s->depth < DEPTH, CUBIX_EINPUT,
              "%s: /%s is a virtual dataset of virtual datasets, more than %d deep: does it take from itself?", s->file,
              s->path, DEPTH);
  H5Pget_virtual_count(s->creation, &n);
  for (size_t i = 0; i < n; i++) {
    if (mapping_get(&m, s->creation, i) && is_unlimited(m.here)) CUBIX_TRY(look_ahead(s, &m));
    mapping_put(&m);
  }
done:
  mapping_put(&m);
  return status;
}

/* Add what a mapping fills of the dataset. */
static int cover(hid_t covered, hid_t here, const struct subject *s)
{
  hsize_t start[H5S_MAX_RANK], stride[H5S_MAX_RANK], count[H5S_MAX_RANK], block[H5S_MAX_RANK], corner[2 * H5S_MAX_RANK];
  if (H5Sget_select_type(here) == H5S_SEL_ALL) return H5Sselect_all(covered) >= 0;
  if (H5Sget_select_type(here) != H5S_SEL_HYPERSLABS) return 1;
  if (H5Sis_regular_hyperslab(here) > 0) {
    if (H5Sget_regular_hyperslab(here, start, stride, count, block) < 0) return 0;
    for (int d = 0; d < s->rank; d++) {
      if (start[d] >= s->shape[d]) return 1;
      if (count[d] == H5S_UNLIMITED) count[d] = (s->shape[d] - start[d] + stride[d] - 1) / stride[d];
      if (block[d] == H5S_UNLIMITED) block[d] = s->shape[d] - start[d];
      if (count[d] == 1) stride[d] = block[d];
    }
    return H5Sselect_hyperslab(covered, H5S_SELECT_OR, start, stride, count, block) >= 0;
  }
  for (hssize_t i = 0, n = H5Sget_select_hyper_nblocks(here); i < n; i++) {
    if (H5Sget_select_hyper_blocklist(here, (hsize_t)i, 1, corner) < 0) return 0;
    for (int d = 0; d < s->rank; d++) {
      count[d] = 1;
      block[d] = corner[s->rank + d] - corner[d] + 1;
    }
    if (H5Sselect_hyperslab(covered, H5S_SELECT_OR, corner, NULL, count, block) < 0) return 0;
  }
  return 1;
}

static int check_virtual(const struct subject *s)
{
  int status = CUBIX_OK;
  size_t n = 0;
  hssize_t n_covered;
  hid_t covered = H5Screate_simple(s->rank, s->shape, NULL);
  struct mapping m = { -1, -1, "", "" };
  CUBIX_CHECK(s->rank > 0 && H5Sselect_none(covered) >= 0 && H5Pget_virtual_count(s->creation, &n) >= 0, CUBIX_EINPUT,
              "%s: /%s is a virtual dataset that HDF5 cannot describe", s->file, s->path);
  for (size_t i = 0; i < n; i++) {
    CUBIX_CHECK(mapping_get(&m, s->creation, i) && cover(covered, m.here, s), CUBIX_EINPUT,
                "%s: source %zu of the virtual dataset /%s cannot be described", s->file, i, s->path);
    CUBIX_TRY(check_mapping(s, &m));
    mapping_put(&m);
  }
  n_covered = H5Sget_select_npoints(covered);
  CUBIX_CHECK(n_covered >= 0 && (hsize_t)n_covered >= s->n, CUBIX_EINPUT,
              "%s: /%s is a virtual dataset of %llu values, but its sources fill only %lld: the rest would be read as "
              "its fill value",
              s->file, s->path, (unsigned long long)s->n, (long long)n_covered);
done:
  mapping_put(&m);
  if (covered >= 0) H5Sclose(covered);
  return status;
}

/* ---- other storage --------------------------------------------------------------------------- */
static int check_external(const struct subject *s, int n_file)
{
  int status = CUBIX_OK;
  char name[NAME], where[2 * NAME + 2];
  hid_t type = H5Dget_type(s->set);
  hsize_t left = s->n * (hsize_t)H5Tget_size(type), size;
  off_t offset;
  struct stat st;
  H5Tclose(type);
  for (int i = 0; i < n_file && left > 0; i++) {
    CUBIX_CHECK(H5Pget_external(s->creation, (unsigned)i, sizeof name, name, &offset, &size) >= 0, CUBIX_EINPUT,
                "%s: external file %d of /%s cannot be described", s->file, i, s->path);
    name[sizeof name - 1] = '\0';
    cubix_h5_find_raw(where, sizeof where, s->file, name);
    if (size > left) size = left;
    status = cubix_infile_check(where, CUBIX_EINPUT);
    if (status)
      cubix_error_about(
          "%s: the data of /%s are in another file (put it back, or set HDF5_EXTFILE_PREFIX to its folder)", s->file,
          s->path);
    CUBIX_TRY(status);
    CUBIX_CHECK(stat(where, &st) == 0 && (hsize_t)st.st_size >= (hsize_t)offset + size, CUBIX_EINPUT,
                "%s: the data of /%s are in %s, which has %lld bytes instead of %llu", s->file, s->path, where,
                (long long)st.st_size, (unsigned long long)offset + size);
    CUBIX_CHECK(!cubix_h5source_note(where), CUBIX_ENOMEM, "%s: no memory to note that %s belongs to it", s->file,
                where);
    left -= size;
  }
  CUBIX_CHECK(left == 0, CUBIX_EINPUT, "%s: the external files of /%s have no room for its last %llu bytes", s->file,
              s->path, (unsigned long long)left);
done:
  return status;
}

/* What packed the first chunk is here to unpack it: where it is not, HDF5 only says that it cannot read. */
static int check_filters(const struct subject *s, hid_t space)
{
  int status = CUBIX_OK;
  const int n_filter = H5Pget_nfilters(s->creation);
  unsigned skipped = 0, flags;
  size_t n_value = 0;
  hsize_t at[H5S_MAX_RANK], size, n_chunk = 0;
  haddr_t address;
  char name[64] = "";
  if (n_filter <= 0 || H5Dget_num_chunks(s->set, space, &n_chunk) < 0 || n_chunk == 0 ||
      H5Dget_chunk_info(s->set, space, 0, at, &skipped, &address, &size) < 0)
    goto done;
  for (int i = 0; i < n_filter; i++) {
    n_value = 0;                  /* what it is after one filter would be taken for room for the next one's values */
    const H5Z_filter_t filter =
        H5Pget_filter2(s->creation, (unsigned)i, &flags, &n_value, NULL, sizeof name, name, NULL);
    CUBIX_CHECK(filter < 0 || skipped >> i & 1 || H5Zfilter_avail(filter) > 0, CUBIX_EINPUT,
                "%s: /%s is packed by filter %d%s%s, which HDF5 does not have here: set HDF5_PLUGIN_PATH "
                "to the folder of its plugin, or repack the file (h5repack -f GZIP=4)",
                s->file, s->path, (int)filter, *name ? ", " : "", name);
  }
done:
  return status;
}

static int check_storage(const struct subject *s, hid_t space)
{
  int status = CUBIX_OK;
  H5D_fill_value_t fill = H5D_FILL_VALUE_DEFAULT;
  H5D_space_status_t there = H5D_SPACE_STATUS_ALLOCATED;
  hsize_t chunk[H5S_MAX_RANK], n_all = 1, n_written = 0;
  const int chunked = H5Pget_layout(s->creation) == H5D_CHUNKED;
  if (chunked) CUBIX_TRY(check_filters(s, space));
  H5Pfill_value_defined(s->creation, &fill);
  if (fill == H5D_FILL_VALUE_USER_DEFINED) goto done;
  CUBIX_CHECK(H5Dget_space_status(s->set, &there) >= 0 && there != H5D_SPACE_STATUS_NOT_ALLOCATED, CUBIX_EINPUT,
              "%s: /%s was created but never written: its %llu values "
              "would be read as 0",
              s->file, s->path, (unsigned long long)s->n);
  if (!chunked || H5Pget_chunk(s->creation, s->rank, chunk) != s->rank) goto done;
  for (int d = 0; d < s->rank; d++) n_all *= (s->shape[d] + chunk[d] - 1) / chunk[d];
  CUBIX_CHECK(H5Dget_num_chunks(s->set, space, &n_written) >= 0, CUBIX_EINPUT,
              "%s: the chunks of /%s cannot be counted; the file is damaged", s->file, s->path);
  CUBIX_CHECK(n_written >= n_all, CUBIX_EINPUT,
              "%s: of the %llu chunks of /%s only %llu were ever written: the others would be read as 0; was its "
              "writer stopped?",
              s->file, (unsigned long long)n_all, s->path, (unsigned long long)n_written);
done:
  return status;
}

static int open_whole(hid_t *set, int *abroad, hid_t file, const char *path, int depth)
{
  int status = CUBIX_OK, there = 0, n_external, is_virtual;
  struct subject s = { .set = -1, .creation = -1, .path = path, .depth = depth, .n = 1 };
  char home[NAME] = "";
  hid_t owner = -1, space = -1;
  *set = -1;
  CUBIX_TRY(cubix_h5_look(&there, file, path));
  if (!there) goto done;
  H5Fget_name(file, home, sizeof home);
  s.set = H5Dopen2(file, path, H5P_DEFAULT);
  CUBIX_CHECK(s.set >= 0, CUBIX_EINPUT, "%s: /%s is not a dataset", home, path);
  owner = H5Iget_file_id(s.set);
  H5Fget_name(owner, s.file, sizeof s.file);
  s.creation = H5Dget_create_plist(s.set);
  is_virtual = H5Pget_layout(s.creation) == H5D_VIRTUAL;
  if (is_virtual) CUBIX_TRY(check_unlimited(&s));
  space = H5Dget_space(s.set);
  s.rank = H5Sget_simple_extent_dims(space, s.shape, NULL);
  for (int d = 0; d < s.rank; d++) s.n *= s.shape[d];
  n_external = H5Pget_external_count(s.creation);
  if (abroad) *abroad = is_virtual || n_external > 0 || strcmp(home, s.file) != 0;
  if (is_virtual) CUBIX_TRY(check_virtual(&s));
  else if (n_external > 0) CUBIX_TRY(check_external(&s, n_external));
  else if (s.n > 0) CUBIX_TRY(check_storage(&s, space));
  *set = s.set;
  s.set = -1;
done:
  if (space >= 0) H5Sclose(space);
  if (s.creation >= 0) H5Pclose(s.creation);
  if (owner >= 0) H5Fclose(owner);
  if (s.set >= 0) H5Dclose(s.set);
  return status;
}

int cubix_h5_dataset(hid_t *set, int *abroad, hid_t file, const char *path)
{
  return open_whole(set, abroad, file, path, 0);
}
