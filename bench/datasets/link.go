package datasets

// DuckDB's library was compiled by GCC 13, whose runtime has a function that older ones, such as Debian 12's, lack. It
// is called if an exception leaves a function that must not throw, and ends the program; so does this replacement, if
// there is no other.

/*
#include <stdlib.h>
__attribute__((weak)) void __cxa_call_terminate(void *exception) { (void)exception; abort(); }
*/
import "C"
