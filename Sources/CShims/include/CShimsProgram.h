// The program's own text in memory.
#ifndef MARTLET_CSHIMS_PROGRAM_H
#define MARTLET_CSHIMS_PROGRAM_H

/// Takes the pages of program and libraries that are only read (code, constants) out of the process's memory. Whichever
/// is used again comes back from the system's file cache, at the price of a page fault without reading.
void cshims_release_program_text(void);

#endif
