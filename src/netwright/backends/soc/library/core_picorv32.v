// The core picorv32 (Claire Xenia Wolf, ISC licence) behind the word bus. Its interrupts 3 and 4 are
// levels: an event waits, a fault is noted. A bus error is no trap here; the bus notes it.
module core_picorv32 #(
    parameter        FAST_MULTIPLIER = 1,
    parameter [31:0] STACK           = 32'h1000_1000
) (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        event_interrupt,
    input  wire        fault_interrupt,
    output wire        trap,
    output wire        bus_valid,
    output wire [31:0] bus_address,
    output wire [31:0] bus_write_data,
    output wire [ 3:0] bus_strobe,
    input  wire        bus_ready,
    input  wire [31:0] bus_read_data
);
  picorv32 #(
      .ENABLE_COUNTERS(0),
      .ENABLE_COUNTERS64(0),
      .BARREL_SHIFTER(1),
      .ENABLE_MUL(FAST_MULTIPLIER ? 0 : 1),
      .ENABLE_FAST_MUL(FAST_MULTIPLIER),
      .ENABLE_DIV(1),
      .ENABLE_IRQ(1),
      .ENABLE_IRQ_TIMER(0),
      .LATCHED_IRQ(32'h0000_0007),
      .PROGADDR_RESET(32'h0000_0000),
      .PROGADDR_IRQ(32'h0000_0010),
      .STACKADDR(STACK)
  ) u_core (
      .clk(clk),
      .resetn(rst_n),
      .trap(trap),
      .mem_valid(bus_valid),
      .mem_instr(),
      .mem_ready(bus_ready),
      .mem_addr(bus_address),
      .mem_wdata(bus_write_data),
      .mem_wstrb(bus_strobe),
      .mem_rdata(bus_read_data),
      .mem_la_read(),
      .mem_la_write(),
      .mem_la_addr(),
      .mem_la_wdata(),
      .mem_la_wstrb(),
      .pcpi_valid(),
      .pcpi_insn(),
      .pcpi_rs1(),
      .pcpi_rs2(),
      .pcpi_wr(1'b0),
      .pcpi_rd(32'd0),
      .pcpi_wait(1'b0),
      .pcpi_ready(1'b0),
      .irq({27'd0, fault_interrupt, event_interrupt, 3'd0}),
      .eoi(),
      .trace_valid(),
      .trace_data()
  );
endmodule
