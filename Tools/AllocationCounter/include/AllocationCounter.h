// What AllocationCounter counts, and the layout of its file.
#ifndef MARTLET_ALLOCATION_COUNTER_H
#define MARTLET_ALLOCATION_COUNTER_H

#include <stdint.h>

struct allocation_counts {
    uint64_t allocations, frees, retains, releases;
};

#endif
