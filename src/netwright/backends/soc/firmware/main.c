/* Serves events: each is relayed to the network, or computed here, and answered by a line of text.

   R number wait relay network results...   by the network; numbers are hexadecimal. `wait` are the
                                            clocks from the interrupt to the first word that the
                                            network took, `relay` those to its last element,
                                            `network` those from there to the last result.
   S number clocks results...               by the software
   E what value                             a fault
   B fault                                  the chip is ready; fault is 1 after the watchdog */
#include "driver.h"
#include "software.h"

#define COMMAND_NETWORK 1u
#define COMMAND_SOFTWARE 2u

void handle_interrupt(uint32_t pending) {
  if (pending & INTERRUPT_FAULT) hold_faults(); /* report_faults() looks at the registers */
  if (pending & (INTERRUPT_ILLEGAL | INTERRUPT_MISALIGNED)) {
    uart_text("\nE program ");
    uart_number(pending, 8);
    uart_character('\n');
    for (;;) { /* the watchdog ends this with the next event */
    }
  }
}

static void fault_line(const char *what, uint32_t value) {
  uart_text("E ");
  uart_text(what);
  uart_character(' ');
  uart_number(value, 8);
  uart_character('\n');
}

/* Says what was noted; whether there was anything. The registers are looked at here alone, and
   the core does not sleep while one is set, so that no fault waits for the next event. */
static int report_faults(void) {
  static const char *const names[] = {"short", "broken", "long", "overrun"};
  uint32_t event_faults = REGISTER(EVENTS_FAULTS);
  for (unsigned i = 0; i < 4; ++i)
    if (event_faults >> i & 1) {
      REGISTER(EVENTS_FAULTS) = 1u << i;
      fault_line(names[i], i);
      return 1;
    }
  if (REGISTER(SYSTEM_FAULTS) & SYSTEM_FAULTS_BUS) {
    uint32_t address = REGISTER(SYSTEM_BUS_ADDRESS);
    REGISTER(SYSTEM_FAULTS) = SYSTEM_FAULTS_BUS;
    fault_line("bus", address);
    return 1;
  }
  if (REGISTER(UART_FAULTS)) {
    REGISTER(UART_FAULTS) = UART_FAULTS_OVERFLOW;
    fault_line("uart", 0);
    return 1;
  }
  return 0;
}

/* Answers that wait for the UART. Events are served while older answers are sent. */
#define ANSWERS 4u

struct answer {
  char kind;
  uint32_t numbers[4];
  uint32_t results[NETWORK_RESULT_WORDS];
};

static struct answer answers[ANSWERS];
static unsigned made, sent;

static int serve_by_network(struct answer *answer) {
  network_relay();
  uint32_t begun = REGISTER(EVENTS_TIME);
  answer->numbers[0] = REGISTER(EVENTS_NUMBER);
  event_release();
  int ended = network_wait();
  if (ended != NETWORK_DONE) {
    network_start();
    return ended;
  }
  network_read(answer->results);
  uint32_t first = REGISTER(NETWORK_FIRST_TIME), last = REGISTER(NETWORK_LAST_TIME);
  answer->numbers[1] = first - begun;
  answer->numbers[2] = last - first;
  answer->numbers[3] = REGISTER(NETWORK_DONE_TIME) - last;
  network_release();
  return NETWORK_DONE;
}

static void serve_by_software(struct answer *answer) {
  answer->numbers[0] = REGISTER(EVENTS_NUMBER);
  software_run(event_samples(), answer->results);
  answer->numbers[1] = REGISTER(TIMER_NOW) - REGISTER(EVENTS_TIME);
  event_release();
}

/* Serves the event that waits, unless there is none or no room for its answer. */
static int serve(void) {
  if (!event_waiting() || made - sent == ANSWERS) return 0;
  struct answer *answer = &answers[made % ANSWERS];
  uint32_t command = REGISTER(EVENTS_COMMAND);
  if (command == COMMAND_NETWORK) {
    int ended = serve_by_network(answer);
    answer->kind = ended == NETWORK_DONE ? 'R' : ended == NETWORK_FAULT ? 'F' : 'T';
  } else if (command == COMMAND_SOFTWARE) {
    answer->kind = 'S';
    serve_by_software(answer);
  } else {
    answer->kind = 'C';
    answer->numbers[0] = command;
    event_release();
  }
  ++made;
  return 1;
}

void while_full(void) { serve(); }

static void send(const struct answer *answer) {
  if (answer->kind == 'T') return fault_line("timeout", answer->numbers[0]);
  if (answer->kind == 'F') return fault_line("layer", answer->numbers[0]);
  if (answer->kind == 'C') return fault_line("command", answer->numbers[0]);
  uart_character(answer->kind);
  for (unsigned i = 0; i < (answer->kind == 'R' ? 4 : 2); ++i) {
    uart_character(' ');
    uart_number(answer->numbers[i], 8);
  }
  const uint32_t *words = answer->results;
  for (unsigned output = 0; output < NETWORK_OUTPUTS; ++output) {
    unsigned digits = network_output_digits[output];
    for (unsigned i = 0; i < network_output_elements[output]; ++i) {
      uart_character(' ');
      if (digits > 8) {
        uart_number(words[1], digits - 8);
        uart_number(*words, 8);
        words += 2;
      } else {
        uart_number(*words++, digits);
      }
    }
  }
  uart_character('\n');
}

int main(void) {
  uint32_t fault = REGISTER(SYSTEM_FAULTS) & SYSTEM_FAULTS_WATCHDOG;
  REGISTER(SYSTEM_FAULTS) = fault;
  network_start();
  if (fault && event_waiting()) event_release(); /* what was not served within the limit */
  REGISTER(TIMER_LIMIT) = WATCHDOG_CYCLES;
  uart_text("\nB ");
  uart_character(fault ? '1' : '0');
  uart_character('\n');
  for (;;) {
    while (serve()) {
    }
    if (made != sent) {
      send(&answers[sent % ANSWERS]);
      ++sent;
    } else if (!report_faults()) {
      wait_for_interrupt();
    }
  }
}
