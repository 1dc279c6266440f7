/* What the parts of the double share. */
#include <assert.h>
#include <stdio.h>
#include <winfsp/winfsp.h>

/* The most words of a request, and the most units of each. */
#define WORDS 5
#define UNITS 1024

/* What comes of the requests goes there. */
extern FILE *out;
/* Who asks. */
extern UINT64 token;

/* The text in UTF-8, until four more were asked for. */
const char *utf8(const WCHAR *text, int units);

/* Plays a request, which `double.c` describes, and tells what comes of it. */
void play(FSP_FILE_SYSTEM *system, char **words, WCHAR wide[WORDS][UNITS]);
