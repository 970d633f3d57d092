#define _GNU_SOURCE 1
#include "CShimsProgram.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

// Segments mapped without the right to write have never been written, so what the system drops of them is in the file;
// only a library that relocates its own text would be an exception, and is left alone.
static int release_segments(struct dl_phdr_info *program, size_t bytes, void *context) {
    (void)bytes;
    (void)context;
    const uintptr_t page_mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    for (int index = 0; index < program->dlpi_phnum; index++) {
        if (program->dlpi_phdr[index].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *fact = (const ElfW(Dyn) *)(program->dlpi_addr + program->dlpi_phdr[index].p_vaddr);
        for (; fact->d_tag != DT_NULL; fact++) {
            if (fact->d_tag == DT_TEXTREL || (fact->d_tag == DT_FLAGS && (fact->d_un.d_val & DF_TEXTREL))) return 0;
        }
    }
    for (int index = 0; index < program->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &program->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        const uintptr_t start = (program->dlpi_addr + segment->p_vaddr) & ~page_mask;
        const uintptr_t end = (program->dlpi_addr + segment->p_vaddr + segment->p_memsz + page_mask) & ~page_mask;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void cshims_release_program_text(void) { dl_iterate_phdr(release_segments, NULL); }
