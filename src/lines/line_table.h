/* line_table.h -- luminosities of emission lines per ionising photon, as functions of metallicity,
 * ionisation parameter and age of the stars that ionise (doc/formats.md). */
#ifndef CUBIX_LINE_TABLE_H
#define CUBIX_LINE_TABLE_H

/* A name has at most 15 characters: Ha, OIII5008. */
struct cubix_line {
  char name[16];
  double lambda;                  /* vacuum AA, at rest */
  double mass;                    /* of its ion [u] */
};

struct cubix_line_table {
  char file[1024], name[128], reference[512], licence[256];
  int demo;                       /* 1: closed form, not a photoionisation model */
  int n_line, n_z, n_u, n_age;
  struct cubix_line *line;        /* [n_line] */
  double *metallicity;            /* [n_z] mass fraction, rising */
  double *log_u;                  /* [n_u] log10, rising */
  double *age;                    /* [n_age] Gyr, rising */
  double solar_z, solar_oh;       /* metallicity of its sun, and O/H by number there; 0: not stated */
  double *luminosity;             /* [n_z][n_u][n_age][n_line] erg */
};

/** Read a table made by cubix-lines.  Local.
 *  @param[out] table owned by the caller
 *  Errors: CUBIX_EINPUT: no such file; other axes; values that are not finite, or not above 0. */
int cubix_line_table_read(struct cubix_line_table **table, const char *file);
/** An empty table with room for its axes, lines and luminosities, whose numbers are set.  Local. */
int cubix_line_table_room(struct cubix_line_table *table);
/** The number of a line, -1: the table has none of this name.  Local. */
int cubix_line_table_find(const struct cubix_line_table *table, const char *name);
void cubix_line_table_free(struct cubix_line_table *table);

#endif
