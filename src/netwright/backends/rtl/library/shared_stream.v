// Streams around an accelerator, as the master of its bus. After a reset it writes the image (an
// address and a word each) and then, again and again: takes the elements of all inputs, starts a
// run, waits for its end, and gives the elements of all outputs, one a beat. FIRST is the word
// where an input or an output begins, WORDS its elements, PIECES the words of an element, STRIDE
// the words from one piece of an element to the next.
module shared_stream #(
    parameter                    IMAGE_WORDS   = 4,
    parameter                    IMAGE_BITS    = 2,
    parameter                    INPUTS        = 1,
    parameter                    OUTPUTS       = 1,
    parameter [INPUTS*32-1:0]    INPUT_FIRST   = {INPUTS{32'd0}},
    parameter [INPUTS*32-1:0]    INPUT_WORDS   = {INPUTS{32'd1}},
    parameter [OUTPUTS*32-1:0]   OUTPUT_FIRST  = {OUTPUTS{32'd0}},
    parameter [OUTPUTS*32-1:0]   OUTPUT_WORDS  = {OUTPUTS{32'd1}},
    parameter [OUTPUTS*32-1:0]   OUTPUT_PIECES = {OUTPUTS{32'd1}},
    parameter [OUTPUTS*32-1:0]   OUTPUT_STRIDE = {OUTPUTS{32'd1}}
) (
    input  wire                   clk,
    input  wire                   rst_n,
    output wire [IMAGE_BITS-1:0]  image_place,
    input  wire [53:0]            image_word,
    input  wire [INPUTS-1:0]      x_valid,
    output wire [INPUTS-1:0]      x_ready,
    input  wire [INPUTS*16-1:0]   x_data,
    output wire [OUTPUTS-1:0]     y_valid,
    input  wire [OUTPUTS-1:0]     y_ready,
    output wire [47:0]            y_data,
    output wire                   bus_valid,
    output wire [21:0]            bus_address,
    output wire [31:0]            bus_write_data,
    output wire [3:0]             bus_strobe,
    input  wire                   bus_ready,
    input  wire [31:0]            bus_read_data,
    input  wire                   irq
);
  localparam [2:0] FIRST = 3'd0, LOAD = 3'd1, TAKE = 3'd2, START = 3'd3, WAIT = 3'd4, READ = 3'd5,
      GIVE = 3'd6;
  localparam [31:0] LAST_IMAGE = IMAGE_WORDS - 1;
  localparam [31:0] LAST_INPUT = INPUTS - 1;
  localparam [31:0] LAST_OUTPUT = OUTPUTS - 1;
  localparam PORT_BITS = INPUTS > OUTPUTS ? $clog2(INPUTS + 1) : $clog2(OUTPUTS + 1);

  reg [2:0] state;
  reg [IMAGE_BITS-1:0] count;
  reg [PORT_BITS-1:0] port;
  reg [15:0] element;
  reg [1:0] piece;
  reg [15:0] offset;
  reg [47:0] value;
  reg loaded;

  // What belongs to the port of this moment.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [31:0] input_first, input_words, output_first, output_words, output_pieces, output_stride;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [15:0] input_data;
  wire input_valid, output_ready;

  genvar i;
  generate
    for (i = 0; i < INPUTS; i = i + 1) begin : g_input
      localparam [31:0] NUMBER = i;
      wire here = port == NUMBER[PORT_BITS-1:0];
      wire [31:0] first, words;
      wire [15:0] data;
      wire valid;
      assign x_ready[i] = here & (state == TAKE) & bus_ready;
      if (i == 0) begin : g_begin
        assign first = here ? INPUT_FIRST[i*32+:32] : 32'd0;
        assign words = here ? INPUT_WORDS[i*32+:32] : 32'd0;
        assign data = here ? x_data[i*16+:16] : 16'd0;
        assign valid = here & x_valid[i];
      end else begin : g_other
        assign first = here ? INPUT_FIRST[i*32+:32] : g_input[i-1].first;
        assign words = here ? INPUT_WORDS[i*32+:32] : g_input[i-1].words;
        assign data = here ? x_data[i*16+:16] : g_input[i-1].data;
        assign valid = here ? x_valid[i] : g_input[i-1].valid;
      end
    end
    for (i = 0; i < OUTPUTS; i = i + 1) begin : g_output
      localparam [31:0] NUMBER = i;
      wire here = port == NUMBER[PORT_BITS-1:0];
      wire [31:0] first, words, pieces, stride;
      wire ready;
      assign y_valid[i] = here & (state == GIVE);
      if (i == 0) begin : g_begin
        assign first = here ? OUTPUT_FIRST[i*32+:32] : 32'd0;
        assign words = here ? OUTPUT_WORDS[i*32+:32] : 32'd0;
        assign pieces = here ? OUTPUT_PIECES[i*32+:32] : 32'd0;
        assign stride = here ? OUTPUT_STRIDE[i*32+:32] : 32'd0;
        assign ready = here & y_ready[i];
      end else begin : g_other
        assign first = here ? OUTPUT_FIRST[i*32+:32] : g_output[i-1].first;
        assign words = here ? OUTPUT_WORDS[i*32+:32] : g_output[i-1].words;
        assign pieces = here ? OUTPUT_PIECES[i*32+:32] : g_output[i-1].pieces;
        assign stride = here ? OUTPUT_STRIDE[i*32+:32] : g_output[i-1].stride;
        assign ready = here ? y_ready[i] : g_output[i-1].ready;
      end
    end
  endgenerate

  assign input_first = g_input[INPUTS-1].first;
  assign input_words = g_input[INPUTS-1].words;
  assign input_data = g_input[INPUTS-1].data;
  assign input_valid = g_input[INPUTS-1].valid;
  assign output_first = g_output[OUTPUTS-1].first;
  assign output_words = g_output[OUTPUTS-1].words;
  assign output_pieces = g_output[OUTPUTS-1].pieces;
  assign output_stride = g_output[OUTPUTS-1].stride;
  assign output_ready = g_output[OUTPUTS-1].ready;

  wire takes = (state == TAKE) & input_valid;
  wire reads = state == READ;
  wire [15:0] place = (reads ? output_first[15:0] : input_first[15:0]) + element + offset;
  wire [31:0] elements = state == TAKE ? input_words : output_words;
  wire last_element = {16'd0, element} + 32'd1 == elements;
  wire last_piece = {30'd0, piece} + 32'd1 == output_pieces;
  wire [15:0] word = place[0] ? bus_read_data[31:16] : bus_read_data[15:0];

  assign image_place = state == FIRST ? {IMAGE_BITS{1'b0}} : count;
  assign bus_valid = (state == LOAD) | takes | (state == START) | reads;
  assign bus_address = state == LOAD ? image_word[53:32]
      : state == START ? 22'd0 : {5'b10000, place[15:1], 2'b00};
  assign bus_write_data = state == LOAD ? image_word[31:0]
      : state == START ? 32'h101 : {input_data, input_data};
  assign bus_strobe = reads ? 4'b0000
      : state == TAKE ? (place[0] ? 4'b1100 : 4'b0011) : 4'b1111;
  assign y_data = value;

  always @(posedge clk) begin
    if (!rst_n) begin
      state <= FIRST;
      count <= {IMAGE_BITS{1'b0}};
      port <= {PORT_BITS{1'b0}};
      element <= 16'd0;
      piece <= 2'd0;
      offset <= 16'd0;
    end else begin
      case (state)
        FIRST: begin
          state <= LOAD;
          count <= {{(IMAGE_BITS - 1) {1'b0}}, 1'b1};
          port <= {PORT_BITS{1'b0}};
        end
        LOAD: begin
          count <= count + 1'b1;
          port <= {PORT_BITS{1'b0}};
          if (loaded) state <= TAKE;
        end
        TAKE:
        if (takes & bus_ready) begin
          element <= last_element ? 16'd0 : element + 16'd1;
          if (last_element) begin
            port <= port == LAST_INPUT[PORT_BITS-1:0] ? {PORT_BITS{1'b0}} : port + 1'b1;
            if (port == LAST_INPUT[PORT_BITS-1:0]) state <= START;
          end
        end
        START: state <= WAIT;
        WAIT: if (irq) state <= READ;
        READ:
        if (bus_ready) begin
          piece <= last_piece ? 2'd0 : piece + 2'd1;
          offset <= last_piece ? 16'd0 : offset + output_stride[15:0];
          if (last_piece) state <= GIVE;
        end
        default:
        if (output_ready) begin
          element <= last_element ? 16'd0 : element + 16'd1;
          state <= READ;
          if (last_element) begin
            port <= port == LAST_OUTPUT[PORT_BITS-1:0] ? {PORT_BITS{1'b0}} : port + 1'b1;
            if (port == LAST_OUTPUT[PORT_BITS-1:0]) state <= TAKE;
          end
        end
      endcase
    end
  end

  // The word that is written in a clock was asked for in the one before.
  always @(posedge clk) begin
    loaded <= rst_n & ((state == FIRST & (LAST_IMAGE == 32'd0))
        | (state == LOAD & count == LAST_IMAGE[IMAGE_BITS-1:0]));
    if (reads & bus_ready) begin
      case (piece)
        2'd0: value <= {{32{word[15]}}, word};
        2'd1: value[47:16] <= {{16{word[15]}}, word};
        default: value[47:32] <= word;
      endcase
    end
  end
endmodule
