/* The network behind stream ports: every input takes words at one address. */
#include "driver.h"

/* Eight words a turn: the loop costs less than the words. */
static const volatile uint32_t *relay(volatile uint32_t *port, const volatile uint32_t *from,
                                      uint32_t words) {
  for (; words >= 8; words -= 8, from += 8) {
    *port = from[0];
    *port = from[1];
    *port = from[2];
    *port = from[3];
    *port = from[4];
    *port = from[5];
    *port = from[6];
    *port = from[7];
  }
  while (words--) *port = *from++;
  return from;
}

void network_relay(void) {
  const volatile uint32_t *from = event_samples();
  volatile uint32_t *port = (volatile uint32_t *)INPUTS;
  for (unsigned i = 0; i < NETWORK_INPUTS; ++i) from = relay(port++, from, network_input_words[i]);
}

int network_wait(void) {
  for (uint32_t looks = NETWORK_LOOKS; looks; --looks)
    if (REGISTER(NETWORK_STATUS) & NETWORK_STATUS_DONE) return NETWORK_DONE;
  return NETWORK_TIMEOUT;
}

void network_start(void) { REGISTER(NETWORK_RESTART) = 1; }

void network_read(uint32_t *results) {
  copy_words(results, (const volatile uint32_t *)RESULTS, NETWORK_RESULT_WORDS);
}
