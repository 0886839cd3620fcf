#include "driver.h"

/* The UART always goes on, so that the watchdog does not count what is spent waiting for it. */
void uart_character(char character) {
  while (REGISTER(UART_STATUS) & UART_STATUS_FULL) {
    REGISTER(TIMER_KICK) = 1;
    while_full();
  }
  REGISTER(TIMER_KICK) = 1;
  REGISTER(UART_DATA) = (uint8_t)character;
}

void uart_text(const char *text) {
  while (*text) uart_character(*text++);
}

void uart_number(uint32_t number, unsigned digits) {
  while (digits--) {
    uint32_t digit = digits < 8 ? (number >> (4 * digits)) & 15 : 0;
    uart_character((char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
  }
}

const volatile uint32_t *copy_words(volatile uint32_t *to, const volatile uint32_t *from,
                                    uint32_t words) {
  for (; words >= 8; words -= 8, from += 8, to += 8) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to[4] = from[4];
    to[5] = from[5];
    to[6] = from[6];
    to[7] = from[7];
  }
  while (words--) *to++ = *from++;
  return from;
}
