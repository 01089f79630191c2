/* line_facts.c -- what a file says of its emission lines. */
#include "lines/lines.h"
#include "output/provenance_parts.h"

void cubix_line_facts(struct cubix_facts *facts, const struct cubix_result *r)
{
  static const char *const mode[] = { "none", "sfr", "stars" };
  const struct cubix_lines *s = r->lines;
  const int is_sfr = s && s->mode == CUBIX_Lines_sfr;
  const char *unit = is_sfr ? "solMass/yr" : "solMass";
  char name[9];
  if (!s) return;
  text(facts, "LINES", mode[s->mode], "where emission lines come from");
  text(facts, "LINENAME", s->table->name, "table of emission lines");
  text(facts, "LINEFILE", s->table->file, "its file");
  text(facts, "LINEREF", s->table->reference, "its reference");
  text(facts, "LINELIC", s->table->licence, "its licence");
  logical(facts, "LINEDEMO", s->table->demo, "T: a closed form, no photoionisation model");
  logical(facts, "LINEQSSP", s->ionising.n_z > 0, "T: ionising photons of the SSP library");
  real(facts, "LINELOGU", r->par->LineLogU, "", "log10 of the ionisation parameter");
  real(facts, "LINETURB", r->par->LineTurbulence, "km/s", "turbulent velocities");
  real(facts, "LINEESC", r->par->LineEscape, "", "ionising photons that escape");
  real(facts, "LINEDUST", r->par->LineDust, "", "ionising photons that dust takes");
  if (s->basis) {
    real(facts, "LINECERT", s->basis->certified, "", "largest error of a line, over its peak channel");
    real(facts, "LINESTEP", s->basis->nodes.step, "km/s", "step of the lines' velocity grid");
  }
  integer(facts, "N_SOURCE", s->sources.n, "", is_sfr ? "cells that form stars" : "stars younger than 10 Myr");
  real(facts, "S_ALL", s->sources.total, unit, is_sfr ? "their star formation rate" : "their mass");
  real(facts, "S_FIELD", s->sources.in_field, unit, "of it, in the field");
  real(facts, "S_CLAMPZ", s->sources.clamped, unit, "of all, beyond the table's metals");
  integer(facts, "NLINE", s->n, "", "lines in the band: LINEi, LAMi");
  for (int l = 0; l < s->n; l++) {
    text(facts, numbered(name, "LINE", l + 1), s->table->line[s->of[l]].name, "emission line");
    real(facts, numbered(name, "LAM", l + 1), s->table->line[s->of[l]].lambda, "Angstrom", "at rest, in vacuum");
  }
}
