#include "CLibevent.h"
