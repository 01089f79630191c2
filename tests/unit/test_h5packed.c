/* test_h5packed.c -- packed chunks give what H5Dread gives, bit for bit, of every type, shape and order of filters;
 * what HDF5 alone can undo is left to it; damage is reported. */
#include "base/h5packed.h"

#include <hdf5.h>
#include <omp.h>
#include <stdint.h>

#include "base/error.h"
#include "tests/check.h"

enum { ROWS = 1003, MOST = 3 * ROWS };

static hid_t file;                /* in memory */

static void open_file(void)
{
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 20, 0);
  file = H5Fcreate("test_h5packed.hdf5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  REQUIRE(file >= 0);
  H5Pclose(access);
}

/* How a dataset is made; filters in their order: d, s, f; n: one that is only HDF5's. */
struct how {
  hid_t type;
  const char *filters;
  int rank;
  hsize_t n_row, width, chunk[2];
  int grows;                      /* 1: chunks may reach beyond the data */
  double fill;
};

static hid_t create(const struct how *h)
{
  const hsize_t n[2] = { h->n_row, h->width }, most[2] = { H5S_UNLIMITED, H5S_UNLIMITED };
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(h->rank, n, h->grows ? most : NULL);
  H5Pset_chunk(list, h->rank, h->chunk);
  if (h->fill != 0) H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &h->fill);
  for (const char *f = h->filters; *f; f++) {
    if (*f == 'd') H5Pset_deflate(list, 4);
    if (*f == 's') H5Pset_shuffle(list);
    if (*f == 'f') H5Pset_fletcher32(list);
    if (*f == 'n') H5Pset_nbit(list);
  }
  if (H5Lexists(file, "x", H5P_DEFAULT) > 0) H5Ldelete(file, "x", H5P_DEFAULT);
  const hid_t set = H5Dcreate2(file, "x", h->type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  REQUIRE(set >= 0);
  H5Sclose(space);
  H5Pclose(list);
  return set;
}

/* Numbers that shuffling and deflating make smaller, and that use all bytes of the type.  The dataset is opened
 * anew, so that HDF5 has none of its chunks in memory. */
static hid_t filled(const struct how *h)
{
  static double x[MOST];
  hid_t set = create(h);
  const int is_float = H5Tget_class(h->type) == H5T_FLOAT;
  const double largest = is_float ? 1e6 : pow(2, 8. * (double)H5Tget_size(h->type) - 1.01);
  for (int i = 0; i < MOST; i++) x[i] = i % 5 ? largest * (uniform() - 0.3) : i % 7;
  REQUIRE(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
  H5Dclose(set);
  set = H5Dopen2(file, "x", H5P_DEFAULT);
  REQUIRE(set >= 0);
  return set;
}

/* What HDF5 reads. */
static void by_hdf5(void *to, hid_t set, hid_t type, int rank, hsize_t from, hsize_t n, hsize_t first, hsize_t n_c)
{
  const hsize_t start[2] = { from, first }, count[2] = { n, n_c };
  const hid_t space = H5Dget_space(set), memory = H5Screate_simple(rank, count, NULL);
  REQUIRE(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0);
  REQUIRE(H5Dread(set, type, memory, space, H5P_DEFAULT, to) >= 0);
  H5Sclose(memory);
  H5Sclose(space);
}

/* Rows from .. to - 1 as often as there are ways, compared. */
static int same(struct cubix_h5packed *p, hid_t set, const struct how *h, hsize_t from, hsize_t to, hsize_t first,
                hsize_t n_c)
{
  static double got[MOST], want[MOST];
  const hid_t native = H5Tget_native_type(h->type, H5T_DIR_DEFAULT);
  const size_t n = (size_t)((to - from) * n_c);
  const int is_float = H5Tget_class(h->type) == H5T_FLOAT, is_single = is_float && H5Tget_size(h->type) == 4;
  int good;
  by_hdf5(want, set, native, h->rank, from, to - from, first, n_c);
  H5Tconvert(native, H5T_NATIVE_DOUBLE, n, want, NULL, H5P_DEFAULT);
  H5Tclose(native);
  good = !cubix_h5packed_read(p, from, to, CUBIX_H5AS_DOUBLE, got) && !memcmp(got, want, n * sizeof *got);
  if (is_single) {
    by_hdf5(want, set, H5T_NATIVE_FLOAT, h->rank, from, to - from, first, n_c);
    good &= !cubix_h5packed_read(p, from, to, CUBIX_H5AS_FLOAT, got) && !memcmp(got, want, n * sizeof(float));
  }
  if (!is_float) {
    by_hdf5(want, set, H5Tget_sign(h->type) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64, h->rank, from,
            to - from, first, n_c);
    good &= !cubix_h5packed_read(p, from, to, CUBIX_H5AS_INT64, got) && !memcmp(got, want, n * sizeof(int64_t));
  }
  return good;
}

/* All rows, then some in order, then others anywhere. */
static void compare(const struct how *h, hid_t set)
{
  struct cubix_h5packed *p = NULL;
  const hsize_t first = h->rank == 2 && h->width > 2 ? (hsize_t)(2 * uniform()) : 0, n_c = h->width - first;
  CHECK(!cubix_h5packed_open(&p, set, "file", "x", (int)first, (int)n_c));
  REQUIRE(p);
  CHECK(same(p, set, h, 0, h->n_row, first, n_c));
  for (hsize_t from = 0; from < h->n_row; from += 97)
    CHECK(same(p, set, h, from, from + 97 < h->n_row ? from + 97 : h->n_row, first, n_c));
  for (int i = 0; i < 10; i++) {
    const hsize_t from = (hsize_t)((double)h->n_row * uniform()), n = (hsize_t)((double)(h->n_row - from) * uniform());
    CHECK(same(p, set, h, from, from + n + 1, first, n_c));
  }
  cubix_h5packed_close(p);
}

static const char *const orders[] = { "d", "sd", "sdf", "fsd", "sfd", "s", "f", "dsd" };
enum { N_ORDER = sizeof orders / sizeof *orders };

static void test_types(int threads)
{
  const hid_t types[] = { H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE,
                          H5T_STD_I8LE,   H5T_STD_U8BE,   H5T_STD_I16BE,  H5T_STD_U16LE,
                          H5T_STD_I32LE,  H5T_STD_U32BE,  H5T_STD_I64BE,  H5T_STD_U64LE };
  omp_set_num_threads(threads);
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (int f = 0; f < N_ORDER; f++) {
      const struct how h = { types[t], orders[f], 1, ROWS, 1, { 128, 1 }, 0, 0 };
      const hid_t set = filled(&h);
      compare(&h, set);
      H5Dclose(set);
    }
}

/* Whole rows, single components, some of both; larger than the data; with an edge and without. */
static void test_shapes(int threads)
{
  static const struct { int rank; hsize_t n_row, width, chunk[2]; int grows; } shapes[] = {
    { 1, ROWS, 1, { ROWS, 1 }, 0 }, { 1, ROWS, 1, { 1, 1 }, 0 },     { 1, ROWS, 1, { 4096, 1 }, 1 },
    { 1, 1, 1, { 1, 1 }, 0 },       { 2, ROWS, 3, { 100, 3 }, 0 },   { 2, ROWS, 3, { 100, 1 }, 0 },
    { 2, ROWS, 3, { 64, 2 }, 0 },   { 2, ROWS, 3, { ROWS, 3 }, 0 },  { 2, ROWS, 3, { 17, 5 }, 1 },
    { 2, ROWS, 3, { 2000, 8 }, 1 }, { 2, 1000, 3, { 100, 3 }, 0 },   { 2, ROWS, 1, { 50, 1 }, 0 },
  };
  omp_set_num_threads(threads);
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int f = 0; f < 3; f++) {
      const struct how h = { f == 1 ? H5T_IEEE_F64BE : H5T_IEEE_F32LE, orders[f], shapes[s].rank, shapes[s].n_row,
                             shapes[s].width, { shapes[s].chunk[0], shapes[s].chunk[1] }, shapes[s].grows, 0 };
      const hid_t set = filled(&h);
      compare(&h, set);
      H5Dclose(set);
    }
}

/* Of chunks that were never written. */
static void test_fill(double fill)
{
  for (int f = 0; f < N_ORDER; f++) {
    const struct how h = { H5T_IEEE_F32BE, orders[f], 2, ROWS, 3, { 100, 2 }, 0, fill };
    const hsize_t start[2] = { 250, 0 }, count[2] = { 20, 1 };
    const hid_t set = create(&h), space = H5Dget_space(set), memory = H5Screate_simple(2, count, NULL);
    double x[20];
    for (int i = 0; i < 20; i++) x[i] = i;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    REQUIRE(H5Dwrite(set, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, x) >= 0);
    H5Sclose(space);
    H5Sclose(memory);
    H5Dclose(set);
    const hid_t again = H5Dopen2(file, "x", H5P_DEFAULT);
    compare(&h, again);
    H5Dclose(again);
  }
}

/* Chunks that filters passed over: with "sd" both, with "sf" one or both. */
static void test_skipped(void)
{
  static const struct { const char *filters; unsigned mask; } cases[] = { { "sd", 3 }, { "sf", 2 }, { "sf", 3 } };
  float x[100];
  for (int i = 0; i < 100; i++) x[i] = (float)uniform();
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const struct how h = { H5T_IEEE_F32LE, cases[c].filters, 1, ROWS, 1, { 100, 1 }, 0, 0 };
    const hsize_t at = 300;
    hid_t set = filled(&h);
    REQUIRE(H5Dwrite_chunk(set, H5P_DEFAULT, cases[c].mask, &at, sizeof x, x) >= 0);
    H5Dclose(set);
    set = H5Dopen2(file, "x", H5P_DEFAULT);
    compare(&h, set);
    H5Dclose(set);
  }
}

/* Several datasets at once, and rows with gaps. */
static void test_together(void)
{
  struct cubix_h5packed *p[4] = { NULL };
  hid_t set[3];
  char name[8];
  static double got[MOST], want[MOST];
  omp_set_num_threads(3);
  for (int i = 0; i < 3; i++) {
    const struct how h = { H5T_IEEE_F64LE, orders[i], 2, ROWS, 3, { 50 + 7 * (hsize_t)i, 3 }, 0, 0 };
    H5Dclose(filled(&h));
    snprintf(name, sizeof name, "y%d", i);
    REQUIRE(H5Lmove(file, "x", file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    set[i] = H5Dopen2(file, name, H5P_DEFAULT);
    CHECK(!cubix_h5packed_open(&p[i == 2 ? 3 : i], set[i], "file", name, 0, 3));     /* p[2] stays NULL */
  }
  for (hsize_t from = 10; from < 500; from += 160) {
    for (int i = 0; i < 4; i++) {
      if (!p[i]) continue;
      cubix_h5packed_want(p[i], from, from + 60);
      cubix_h5packed_want(p[i], from + 300, from + 460);
    }
    cubix_h5packed_unpack(p, 4);
    for (int i = 0; i < 4; i++)
      for (int part = 0; p[i] && part < 2; part++) {
        const hsize_t at = from + 300 * (hsize_t)part, n = part ? 160 : 60;
        by_hdf5(want, set[i == 3 ? 2 : i], H5T_NATIVE_DOUBLE, 2, at, n, 0, 3);
        CHECK(!cubix_h5packed_read(p[i], at, at + n, CUBIX_H5AS_DOUBLE, got));
        CHECK(!memcmp(got, want, (size_t)n * 3 * sizeof *got));
      }
  }
  for (int i = 0; i < 4; i++) cubix_h5packed_close(p[i]);
  for (int i = 0; i < 3; i++) H5Dclose(set[i]);
}

static int is_left(const struct how *h)
{
  const hid_t set = create(h);
  struct cubix_h5packed *p = NULL;
  const int failed = cubix_h5packed_open(&p, set, "file", "x", 0, (int)h->width);
  const int left = !p && !failed;
  cubix_h5packed_close(p);
  H5Dclose(set);
  return left;
}

/* What only HDF5 reads. */
static void test_left(void)
{
  const hid_t half = H5Tcopy(H5T_IEEE_F32LE), narrow = H5Tcopy(H5T_STD_I32LE);
  H5Tset_fields(half, 15, 10, 5, 0, 10);
  H5Tset_size(half, 2);
  H5Tset_ebias(half, 15);
  H5Tset_precision(narrow, 20);
  CHECK(is_left(&(struct how){ H5T_IEEE_F32LE, "", 1, ROWS, 1, { 100, 1 }, 0, 0 }));
  CHECK(is_left(&(struct how){ H5T_IEEE_F32LE, "nd", 1, ROWS, 1, { 100, 1 }, 0, 0 }));
  CHECK(is_left(&(struct how){ half, "d", 1, ROWS, 1, { 100, 1 }, 0, 0 }));
  CHECK(is_left(&(struct how){ narrow, "d", 1, ROWS, 1, { 100, 1 }, 0, 0 }));
  CHECK(!is_left(&(struct how){ H5T_IEEE_F32LE, "d", 1, ROWS, 1, { 100, 1 }, 0, 0 }));
  H5Tclose(half);
  H5Tclose(narrow);
}

/* Chunk 3 as other bytes; the rows before it are read, those in it are not. */
static void damage(const char *filters, const unsigned char *raw, size_t n, const char *says)
{
  const struct how h = { H5T_IEEE_F32LE, filters, 1, ROWS, 1, { 100, 1 }, 0, 0 };
  const hsize_t at = 300;
  static double got[MOST];
  struct cubix_h5packed *p = NULL;
  hid_t set = filled(&h);
  REQUIRE(H5Dwrite_chunk(set, H5P_DEFAULT, 0, &at, n, raw) >= 0);
  H5Dclose(set);
  set = H5Dopen2(file, "x", H5P_DEFAULT);
  CHECK(!cubix_h5packed_open(&p, set, "galaxy.hdf5", "Stars/Mass", 0, 1));
  for (int again = 0; again < 2; again++) {
    cubix_error_clear();
    CHECK_IS(cubix_h5packed_read(p, 250, 520, CUBIX_H5AS_DOUBLE, got), ==, CUBIX_EINPUT);
    CHECK_SAYS(cubix_error_message(), "galaxy.hdf5: /Stars/Mass cannot be read in rows 250 to 520; the file is");
    CHECK_SAYS(cubix_error_message(), "the chunk of row 300, column 0 cannot be unpacked");
    CHECK_SAYS(cubix_error_message(), says);
    CHECK(same(p, set, &h, 10, 300, 0, 1) && same(p, set, &h, 400, ROWS, 0, 1));
  }
  cubix_error_clear();
  cubix_h5packed_close(p);
  H5Dclose(set);
}

static void test_damage(int threads)
{
  static unsigned char zeros[600];
  unsigned char packed[1000];
  uint32_t mask;
  hsize_t n, at = 0;
  omp_set_num_threads(threads);
  damage("d", zeros, 60, "its deflated data are damaged");
  damage("sf", zeros, 2, "it is too short for its checksum");
  damage("f", zeros, 300, "it has too few bytes");
  damage("s", zeros, 408, "it has too many bytes");
  for (size_t i = 0; i < 404; i++) zeros[i] = (unsigned char)(i * i);
  damage("f", zeros, 404, "its checksum (Fletcher32) is not that of its data");
  memset(zeros, 0, sizeof zeros);
  /* a stream that is cut short, and one of another chunk's length */
  const struct how h = { H5T_IEEE_F32LE, "d", 1, ROWS, 1, { 100, 1 }, 0, 0 };
  hid_t set = filled(&h);
  H5Dget_chunk_storage_size(set, &at, &n);
  REQUIRE(n < sizeof packed && H5Dread_chunk(set, H5P_DEFAULT, &at, &mask, packed) >= 0);
  H5Dclose(set);
  damage("d", packed, (size_t)n / 2, "its deflated data are damaged");
  for (hsize_t length = 90; length <= 110; length += 20) {
    const struct how other = { H5T_IEEE_F32LE, "d", 1, ROWS, 1, { length, 1 }, 0, 0 };
    set = filled(&other);
    H5Dget_chunk_storage_size(set, &at, &n);
    REQUIRE(n < sizeof packed && H5Dread_chunk(set, H5P_DEFAULT, &at, &mask, packed) >= 0);
    H5Dclose(set);
    damage("d", packed, (size_t)n, length < 100 ? "it has too few bytes" : "its deflated data are too long");
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  open_file();
  CASE(test_types(1));
  CASE(test_types(3));
  CASE(test_shapes(1));
  CASE(test_shapes(3));
  CASE(test_fill(0));
  CASE(test_fill(-7.25));
  CASE(test_skipped());
  CASE(test_together());
  CASE(test_left());
  CASE(test_damage(1));
  CASE(test_damage(3));
  H5Fclose(file);
  return check_done();
}
