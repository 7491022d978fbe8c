// Requests to callgrind, in whose hands a program may be: what is counted, and under which name.
#ifndef CCALLGRIND_H
#define CCALLGRIND_H

/// Whether this program runs under valgrind, and was built where its headers are.
int callgrind_is_counting(void);
/// Begins to count instructions and allocations, or ends it.
void callgrind_toggle(void);
/// Writes what was counted since the last time, under a name, to which the number of allocations is added.
void callgrind_write(const char *name);

#endif
