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
#define NETWORK_FAULT 2

/* Looks at the status of the network before it counts as hanging. */
#define NETWORK_LOOKS (1u << 20)

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

/* Network: network_start() makes it ready, after a fault, too; network_relay() sends it the samples of
   the waiting event, network_wait() waits for its results, network_read() copies them in the order of
   the answers, and network_release() makes room for the next. */
void network_start(void);
void network_relay(void);
int network_wait(void);
void network_read(uint32_t *results);
static inline void network_release(void) { REGISTER(NETWORK_RELEASE) = 1; }

/* Copies words, eight a turn; where the words that follow lie. */
const volatile uint32_t *copy_words(volatile uint32_t *to, const volatile uint32_t *from,
                                    uint32_t words);

/* Of the start file: sleeps until an interrupt is up, held back or not; and lets faults wake from
   now on, but interrupt no more. */
uint32_t wait_for_interrupt(void);
void hold_faults(void);

#endif
