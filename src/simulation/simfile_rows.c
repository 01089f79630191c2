/* simfile_rows.c -- where the rows that count stand in the files. */
#include <stdio.h>

#include "base/error.h"
#include "simulation/simfile.h"

const char *cubix_simfile_path(char *path, size_t size, const struct cubix_simfile *sim,
                               const struct cubix_simpart *part, enum cubix_field field)
{
  snprintf(path, size, "%s/%s", sim->group[part->type], sim->field[field].name);
  return path;
}

const struct cubix_species *cubix_simfile_species(const struct cubix_simfile *sim)
{
  return sim->population == CUBIX_STARS ? &sim->format->stars : &sim->format->gas;
}

int64_t cubix_simfile_row(const struct cubix_simfile *sim, const struct cubix_simpart *part, int64_t i)
{
  int64_t low = part->first_run, high = low + part->n_run;
  if (!part->n_run) return i;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (sim->run[middle].before <= i) low = middle;
    else high = middle;
  }
  return sim->run[low].rows.from + (i - sim->run[low].before);
}

int cubix_simfile_first_position(double position[3], const struct cubix_simfile *sim)
{
  int status = CUBIX_OK;
  const struct cubix_simpart *part = &sim->part[0];
  const int64_t row = cubix_simfile_row(sim, part, 0);
  char path[256];
  double x[3];
  float single[3];
  struct cubix_source *source = NULL;
  struct cubix_column *column = NULL;
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[part->member], &sim->options));
  cubix_simfile_path(path, sizeof path, sim, part, CUBIX_FIELD_POSITION);
  CUBIX_TRY(cubix_column_open(&column, source, path, sim->field[CUBIX_FIELD_POSITION].pick, 0));
  CUBIX_TRY(cubix_column_read(column, row, row + 1, column->single ? (void *)single : (void *)x));
  for (int c = 0; c < 3; c++)
    position[c] = (column->single ? (double)single[c] : x[c]) * sim->field[CUBIX_FIELD_POSITION].factor;
done:
  cubix_column_close(column);
  cubix_source_close(source);
  return status;
}
