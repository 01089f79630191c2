/* fits_cards.c -- header cards that nothing is cut off of.
 *
 * A card has 80 columns.  CFITSIO ends a comment there without a word; here a text gives way: it is
 * continued (the CONTINUE convention of the standard, section 4.2.1.2) until value and comment have
 * room, in the last resort behind an empty piece.  Numbers take 20 columns, and 47 are left for their
 * comments, units included: tests/program/test_cube_page.py knows all of them. */
#define _POSIX_C_SOURCE 200809L
#include "output/fits_cards.h"

#include <stdio.h>
#include <string.h>

enum { CARD = 80, BEFORE = 11, SHORTEST = 8 };       /* columns; those before a text: "NAME    = '" */
enum { SLASH = 3, FIRST_SLASH = 30 };                /* " / ", at this column or behind it */

int cubix_fits_failed(const char *shown, int code, int system, const char *func, int line)
{
  char reason[FLEN_STATUS];
  fits_get_errstatus(code, reason);
  fits_clear_errmsg();
  return cubix_error_set(CUBIX_EOUTPUT, func, __FILE__, line, "cannot write %s: %s%s%s%s; is there room on the disk?",
                         shown, reason, system ? " (" : "", system ? strerror(system) : "", system ? ")" : "");
}

/* The standard allows printable ASCII only. */
void cubix_card_ascii(char *out, size_t size, const char *text)
{
  size_t n = 0;
  for (const unsigned char *c = (const unsigned char *)text; *c && n + 1 < size; c++) {
    if ((*c & 0xC0) == 0x80) continue;               /* the rest of a UTF-8 character */
    out[n++] = *c >= 32 && *c < 127 ? (char)*c : '?';
  }
  out[n] = '\0';
}

/* Columns that a text takes on a card; a quote is written twice. */
static int columns(const char *text)
{
  int n = 0;
  for (; *text; text++) n += 1 + (*text == '\'');
  return n;
}

/* Whether the rest of a text and its comment have room on one card.  @param first  it is no CONTINUE card */
static int has_room(const char *text, const char *comment, int first)
{
  const int n = columns(text), shown = first && n < SHORTEST ? SHORTEST : n, end = BEFORE + shown + 1;
  if (!*comment) return end <= CARD;
  return (first && end < FIRST_SLASH ? FIRST_SLASH : end) + SLASH + (int)strlen(comment) <= CARD;
}

/* A piece of a text that goes on.  @return what is left of it */
static const char *piece_write(char card[CARD + 1], const char *before, const char *text)
{
  int n = snprintf(card, CARD + 1, "%-10s'", before);
  for (; *text && n + 1 + (*text == '\'') <= CARD - 2; text++) {
    if (*text == '\'') card[n++] = '\'';
    card[n++] = *text;
  }
  memcpy(card + n, "&'", 3);
  return text;
}

/* What is left of a text, and its comment. */
static void last_write(char card[CARD + 1], const char *text, const char *comment)
{
  int n = snprintf(card, CARD + 1, "%-10s'", "CONTINUE");
  for (; *text; text++) {
    if (*text == '\'') card[n++] = '\'';
    card[n++] = *text;
  }
  snprintf(card + n, (size_t)(CARD + 1 - n), "'%s%s", *comment ? " / " : "", comment);
}

int cubix_card_text(fitsfile *fits, const char *shown, const char *name, const char *value, const char *comment)
{
  int status = CUBIX_OK;
  char ascii[4096], card[CARD + 1], before[16];
  const char *rest = ascii;
  cubix_card_ascii(ascii, sizeof ascii, value);
  if (has_room(ascii, comment, 1)) {
    TRY_FITS(fits_write_key_str(fits, name, ascii, comment, &fits_status));
    goto done;
  }
  snprintf(before, sizeof before, "%-8.8s= ", name);
  do {
    rest = piece_write(card, rest == ascii ? before : "CONTINUE", rest);
    TRY_FITS(fits_write_record(fits, card, &fits_status));
  } while (!has_room(rest, comment, 0) && *rest);
  last_write(card, rest, comment);
  TRY_FITS(fits_write_record(fits, card, &fits_status));
done:
  return status;
}

int cubix_card_name(fitsfile *fits, const char *shown, const char *name, const char *description)
{
  int status = CUBIX_OK;
  const int fits_in = has_room(name, description, 1);
  TRY_FITS(fits_write_key_str(fits, "EXTNAME", name, fits_in ? description : "", &fits_status));
  if (!fits_in) TRY_FITS(fits_write_comment(fits, description, &fits_status));
done:
  return status;
}

int cubix_card_facts(fitsfile *fits, const char *shown, const struct cubix_facts *facts)
{
  int status = CUBIX_OK;
  for (int i = 0; i < facts->n; i++) {
    const struct cubix_fact *fact = &facts->fact[i];
    char comment[160];
    int flag = (int)fact->integer;
    LONGLONG integer = fact->integer;
    double real = fact->real;
    snprintf(comment, sizeof comment, "%s%s%s%s", *fact->unit ? "[" : "", fact->unit, *fact->unit ? "] " : "",
             fact->comment);
    switch (fact->type) {
      case CUBIX_FACT_TEXT: CUBIX_TRY(cubix_card_text(fits, shown, fact->name, fact->text, comment)); break;
      case CUBIX_FACT_LOGICAL:
        TRY_FITS(fits_write_key(fits, TLOGICAL, fact->name, &flag, comment, &fits_status));
        break;
      case CUBIX_FACT_INTEGER:
        TRY_FITS(fits_write_key(fits, TLONGLONG, fact->name, &integer, comment, &fits_status));
        break;
      case CUBIX_FACT_REAL: TRY_FITS(fits_write_key(fits, TDOUBLE, fact->name, &real, comment, &fits_status)); break;
    }
  }
done:
  return status;
}

int cubix_card_words(fitsfile *fits, const char *shown, const struct cubix_layout *layout, int of_planes)
{
  int status = CUBIX_OK;
  for (const struct cubix_layout_word *w = layout->word; w < layout->word + CUBIX_MOST_WORD && w->name; w++)
    if (w->of_planes == of_planes) CUBIX_TRY(cubix_card_text(fits, shown, w->name, w->value, w->comment));
done:
  return status;
}
