// The program's own text in memory, and its threads' turns on the processor.
#ifndef MARTLET_CSHIMS_PROGRAM_H
#define MARTLET_CSHIMS_PROGRAM_H

#include <stdint.h>

/// Takes the pages of program and libraries that are only read (code, constants) out of the process's memory. Whichever
/// is used again comes back from the system's file cache, at the price of a page fault without reading.
void cshims_release_program_text(void);

/// Gives the calling thread its share of the processor in turns of `nanoseconds` (0.1 to 100 ms): it may be interrupted by
/// any thread with shorter turns that wakes. Since Linux 6.12; older kernels take it and do as before. A thread that was
/// given another policy keeps it. The C library knows neither the call nor, up to glibc 2.40, its argument.
_Bool cshims_take_turns(uint64_t nanoseconds);

#endif
