#include "CShims.h"

static _Thread_local int32_t held_locks;

int32_t cshims_held_locks(int32_t change) {
    held_locks += change;
    return held_locks;
}
