/* Driver of the chip: UART, events, network. Addresses are those of registers.h, and what the
   network takes and gives is in network.h; both are generated with the hardware. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdint.h>

#include "network.h"
#include "registers.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* Interrupts, as the core numbers them. */
#define INTERRUPT_ILLEGAL 0x2u
#define INTERRUPT_MISALIGNED 0x4u
#define INTERRUPT_FAULT 0x10u

/* What network_wait() answers. */
#define NETWORK_DONE 0
#define NETWORK_TIMEOUT 1

/* UART: characters wait until there is room, so that none is lost; meanwhile while_full() is called,
   which the program defines. */
void while_full(void);
void uart_character(char character);
void uart_text(const char *text);
void uart_number(uint32_t number, unsigned digits); /* hexadecimal */

/* Events: the one that waits, until it is released. */
static inline int event_waiting(void) {
  return REGISTER(EVENTS_STATUS) & EVENTS_STATUS_WAITING;
}
static inline const volatile uint32_t *event_samples(void) {
  return (const volatile uint32_t *)EVENT_BUFFER;
}
static inline void event_release(void) { REGISTER(EVENTS_RELEASE) = 1; }

/* Network: network_relay() sends it the samples of the waiting event, network_wait() waits for its
   results, which stay until network_release(). */
void network_relay(void);
int network_wait(void);
void network_restart(void);
static inline void network_release(void) { REGISTER(NETWORK_RELEASE) = 1; }
static inline const volatile uint32_t *network_results(void) {
  return (const volatile uint32_t *)RESULTS;
}

/* Of the start file: sleeps until an interrupt is up. */
uint32_t wait_for_interrupt(void);

#endif
