// Turns the positions of an image, in raster order, into the windows of a convolution or pooling.
// It walks over the padded image, one position a clock; padding is FILL and takes no beat, and neither
// does what lies between positions that are STEP apart. The last rows lie in a line memory, the last columns in registers. A signal in time is an image of one row.
// y_data holds KERNEL_HEIGHT x KERNEL_WIDTH positions in row-major order, the first in the lowest
// bits. y_valid is a pulse: `take` claims the window's place one clock before. The walk over an
// image begins when its first position is there.
module window_buffer #(
    parameter            BITS            = 8,
    parameter [BITS-1:0] FILL            = {BITS{1'b0}},
    parameter            HEIGHT          = 4,
    parameter            WIDTH           = 5,
    parameter            PAD_TOP         = 1,
    parameter            PAD_BOTTOM      = 1,
    parameter            PAD_LEFT        = 1,
    parameter            PAD_RIGHT       = 1,
    parameter            KERNEL_HEIGHT   = 3,
    parameter            KERNEL_WIDTH    = 3,
    parameter            STRIDE_HEIGHT   = 1,
    parameter            STRIDE_WIDTH    = 1,
    parameter            DILATION_HEIGHT = 1,
    parameter            DILATION_WIDTH  = 1,
    parameter            STEP_HEIGHT     = 1,
    parameter            STEP_WIDTH      = 1
) (
    input  wire                                       clk,
    input  wire                                       rst_n,
    input  wire                                       x_valid,
    output wire                                       x_ready,
    input  wire [BITS-1:0]                            x_data,
    input  wire                                       room,
    output wire                                       take,
    output reg                                        y_valid,
    output wire [KERNEL_HEIGHT*KERNEL_WIDTH*BITS-1:0] y_data
);
  localparam SPAN_HEIGHT = DILATION_HEIGHT * (KERNEL_HEIGHT - 1) + 1;
  localparam SPAN_WIDTH = DILATION_WIDTH * (KERNEL_WIDTH - 1) + 1;
  localparam COLUMN_BITS = SPAN_HEIGHT * BITS;
  localparam TOTAL_HEIGHT = PAD_TOP + STEP_HEIGHT * (HEIGHT - 1) + 1 + PAD_BOTTOM;
  localparam TOTAL_WIDTH = PAD_LEFT + STEP_WIDTH * (WIDTH - 1) + 1 + PAD_RIGHT;
  localparam ROW_BITS = TOTAL_HEIGHT > 1 ? $clog2(TOTAL_HEIGHT) : 1;
  localparam PLACE_BITS = TOTAL_WIDTH > 1 ? $clog2(TOTAL_WIDTH) : 1;

  wire row_real, row_selected, row_first, row_last;
  wire column_real, column_selected, column_first, column_last;
  wire advance;

  // Rows need no address, columns only where there are line memories; the last row is no event.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [ROW_BITS-1:0] row;
  wire [PLACE_BITS-1:0] column;
  wire unused_row_last = row_last;
  /* verilator lint_on UNUSEDSIGNAL */

  window_axis #(
      .EXTENT(HEIGHT), .BEFORE(PAD_TOP), .AFTER(PAD_BOTTOM), .SPAN(SPAN_HEIGHT),
      .STRIDE(STRIDE_HEIGHT), .STEP(STEP_HEIGHT), .PLACE_BITS(ROW_BITS)
  ) u_rows (
      .clk(clk), .rst_n(rst_n), .advance(advance & column_last), .place(row),
      .is_real(row_real), .selected(row_selected), .first(row_first), .last(row_last)
  );
  window_axis #(
      .EXTENT(WIDTH), .BEFORE(PAD_LEFT), .AFTER(PAD_RIGHT), .SPAN(SPAN_WIDTH),
      .STRIDE(STRIDE_WIDTH), .STEP(STEP_WIDTH), .PLACE_BITS(PLACE_BITS)
  ) u_columns (
      .clk(clk), .rst_n(rst_n), .advance(advance), .place(column),
      .is_real(column_real), .selected(column_selected), .first(column_first),
      .last(column_last)
  );

  wire real_place = row_real & column_real;
  wire selected = row_selected & column_selected;
  wire begins = row_first & column_first;

  assign advance = (x_valid | ~(real_place | begins)) & (room | ~selected);
  assign x_ready = advance & real_place;
  assign take = advance & selected;

  wire [BITS-1:0] newest = real_place ? x_data : FILL;
  wire [COLUMN_BITS-1:0] new_column;

  generate
    if (SPAN_HEIGHT > 1) begin : g_lines
      localparam LINE_BITS = (SPAN_HEIGHT - 1) * BITS;
      reg [LINE_BITS-1:0] lines[0:TOTAL_WIDTH-1];
      wire [LINE_BITS-1:0] above = lines[column];

      assign new_column = {above, newest};
      always @(posedge clk) if (advance) lines[column] <= new_column[LINE_BITS-1:0];
    end else begin : g_row
      assign new_column = newest;
    end
  endgenerate

  reg [SPAN_WIDTH*COLUMN_BITS-1:0] columns;  // the newest in the lowest bits

  generate
    if (SPAN_WIDTH > 1) begin : g_columns
      always @(posedge clk) begin
        if (advance) columns <= {columns[(SPAN_WIDTH-1)*COLUMN_BITS-1:0], new_column};
      end
    end else begin : g_column
      always @(posedge clk) if (advance) columns <= new_column;
    end
  endgenerate

  genvar i, j;
  generate
    for (i = 0; i < KERNEL_HEIGHT; i = i + 1) begin : g_tap_row
      for (j = 0; j < KERNEL_WIDTH; j = j + 1) begin : g_tap
        localparam AGE_ROW = (KERNEL_HEIGHT - 1 - i) * DILATION_HEIGHT;
        localparam AGE_COLUMN = (KERNEL_WIDTH - 1 - j) * DILATION_WIDTH;
        assign y_data[(i*KERNEL_WIDTH+j)*BITS+:BITS] =
            columns[(AGE_COLUMN*SPAN_HEIGHT+AGE_ROW)*BITS+:BITS];
      end
    end
  endgenerate

  always @(posedge clk) y_valid <= rst_n & take;
endmodule
