/* The network as one accelerator that all layers use in turn: descriptors and weights are written once,
   then an event is a copy of its samples, a start, and a copy of its results. */
#include "driver.h"
#include "image.h"

#define CONTROL ACCELERATOR
#define CONTROL_START 0x101u /* and raise the line at the end */
#define STATUS (ACCELERATOR + 4u)
#define STATUS_DONE 0x2u
#define STATUS_FAULTS 0x1cu
#define FEATURES (ACCELERATOR + ACCELERATOR_FEATURES)

void network_start(void) {
  REGISTER(NETWORK_RESTART) = 1;
  const uint32_t *word = accelerator_words;
  for (unsigned i = 0; i < ACCELERATOR_PIECES; ++i) {
    volatile uint32_t *to = (volatile uint32_t *)(ACCELERATOR + accelerator_pieces[i].offset);
    for (uint32_t count = accelerator_pieces[i].words; count; --count) *to++ = *word++;
  }
}

/* Samples lie in an event as they lie in the feature memory; only a place in the middle of a word
   makes them go one by one. */
void network_relay(void) {
  const volatile uint32_t *from = event_samples();
  for (unsigned i = 0; i < NETWORK_INPUTS; ++i) {
    uint32_t place = accelerator_inputs[i].place, count = accelerator_inputs[i].elements;
    volatile uint16_t *to = (volatile uint16_t *)FEATURES + place;
    const volatile uint16_t *sample = (const volatile uint16_t *)from;
    if (!(place & 1)) {
      uint32_t words = count / 2;
      copy_words((volatile uint32_t *)to, from, words);
      to += 2 * words;
      sample += 2 * words;
      count &= 1;
    }
    while (count--) *to++ = *sample++;
    from += network_input_words[i];
  }
  REGISTER(CONTROL) = CONTROL_START;
}

int network_wait(void) {
  for (uint32_t looks = NETWORK_LOOKS; looks; --looks) {
    uint32_t status = REGISTER(STATUS);
    if (status & STATUS_FAULTS) return NETWORK_FAULT;
    if (status & STATUS_DONE) return NETWORK_DONE;
  }
  return NETWORK_TIMEOUT;
}

void network_read(uint32_t *results) {
  const volatile uint16_t *features = (const volatile uint16_t *)FEATURES;
  for (unsigned i = 0; i < NETWORK_OUTPUTS; ++i) {
    const struct accelerator_output *output = &accelerator_outputs[i];
    for (unsigned element = 0; element < network_output_elements[i]; ++element) {
      const volatile uint16_t *word = features + output->place + element;
      uint64_t value = word[0];
      if (output->pieces > 1) value |= (uint64_t)word[output->stride] << 16;
      if (output->pieces > 2) value |= (uint64_t)word[2 * output->stride] << 32;
      unsigned unused = 64 - 16 * output->pieces;
      int64_t whole = (int64_t)(value << unused) >> unused;
      *results++ = (uint32_t)whole;
      if (network_output_digits[i] > 8) *results++ = (uint32_t)(whole >> 32);
    }
  }
}
