#ifndef CFUZZER_H
#define CFUZZER_H

#include <stddef.h>
#include <stdint.h>

/// Has libFuzzer run `check` until it finds something or its arguments say that it is enough; -1 where the program was
/// built without it.
int cfuzzer_run(int argc, char **argv, int (*check)(const uint8_t *bytes, size_t count));

#endif
