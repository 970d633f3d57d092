// What Swift cannot say, as static inlines: nothing here has state or a symbol of its own.
//
// A function lives here only when it is a GNU extension, a variadic call, a compiler builtin or a macro. Everything else
// is written in Swift.
#ifndef MARTLET_CSHIMS_H
#define MARTLET_CSHIMS_H

#include "CShimsProcessor.h"
#include "CShimsSystem.h"
#include "CShimsPoll.h"
#include "CShimsProgram.h"

#endif
