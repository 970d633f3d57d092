// The C door to libevent.
#ifndef MARTLET_CLIBEVENT_H
#define MARTLET_CLIBEVENT_H
#endif
