/* The network without its hardware: the same integers, computed by the core. */
#ifndef SOFTWARE_H
#define SOFTWARE_H

#include <stdint.h>

/* Samples of an event to words of results, both in their order on the bus. */
void software_run(const volatile uint32_t *samples, uint32_t *results);

#endif
