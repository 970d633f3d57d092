#include "CFuzzer.h"

// There only in the build of `./martlet fuzz`.
extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*check)(const uint8_t *, size_t)) __attribute__((weak));

int cfuzzer_run(int argc, char **argv, int (*check)(const uint8_t *, size_t)) {
    return LLVMFuzzerRunDriver ? LLVMFuzzerRunDriver(&argc, &argv, check) : -1;
}
