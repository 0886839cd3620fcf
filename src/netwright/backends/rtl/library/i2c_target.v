// The target of an I2C bus: a 7-bit ADDRESS, then a 16-bit pointer (high byte first), then bytes
// that are written to the pointer on, or, after a repeated start, read from it on; the pointer
// moves on with every byte. Another address gets no answer, and neither does what follows it.
// A period of scl lasts 16 clocks or more, half of it low. sda_low pulls the line.
// `write` asks for one clock to store `data` at `pointer`; a byte that is not `accepted` in that
// clock gets no acknowledge. `reading` tells that the byte at `pointer` was taken.
// `truncated` tells of a start or a stop in the middle of a byte.
module i2c_target #(
    parameter [6:0] ADDRESS = 7'h2a
) (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        scl,
    input  wire        sda,
    (* role = "state" *)
    output reg         sda_low,
    (* role = "pointer" *)
    output reg  [15:0] pointer,
    output wire        write,
    output wire [7:0]  data,
    input  wire        accepted,
    output wire        reading,
    input  wire [7:0]  read_data,
    output wire        truncated
);
  localparam [2:0] IDLE = 3'd0, SELECT = 3'd1, HIGH = 3'd2, LOW = 3'd3, WRITE = 3'd4, READ = 3'd5;

  (* role = "state" *) reg [2:0] state;
  (* role = "state" *) reg [3:0] count;  // rising edges of the clock since the last byte
  (* role = "state" *) reg [7:0] shift;
  (* role = "state" *) reg is_read;
  (* role = "state" *) reg was_acknowledged;
  (* role = "state" *) reg scl_before, sda_before;
  (* role = "state" *) reg [7:0] pulled;
  wire scl_now, sda_now;

  // The data line is later than the clock line: what changes with a falling clock comes after it.
  line_filter #(.DELAY(0)) u_scl (.clk(clk), .rst_n(rst_n), .x(scl), .y(scl_now));
  line_filter #(.DELAY(1)) u_sda (.clk(clk), .rst_n(rst_n), .x(sda), .y(sda_now));

  wire rise = scl_now & ~scl_before;
  wire fall = ~scl_now & scl_before;
  // What this target does to the data line is seen late, perhaps when the clock is high again.
  wire is_own = sda_low | (|pulled);
  wire start = scl_now & scl_before & sda_before & ~sda_now & ~is_own;
  wire stop = scl_now & scl_before & ~sda_before & sda_now & ~is_own;
  wire is_selected = shift[7:1] == ADDRESS;
  wire takes_byte = fall && count == 4'd8;
  wire ends_byte = fall && count == 4'd9;
  wire sends = state == READ ? ends_byte && was_acknowledged
                             : state == SELECT && ends_byte && is_read;

  assign write = takes_byte && state == WRITE;
  assign data = shift;
  assign reading = sends;
  // The clock rises once before a start or a stop; more edges belong to a byte.
  assign truncated = (start | stop) && state != IDLE && count > 4'd1;

  always @(posedge clk) begin
    if (!rst_n) begin
      scl_before <= 1'b1;
      sda_before <= 1'b1;
      pulled <= 8'd0;
    end else begin
      scl_before <= scl_now;
      sda_before <= sda_now;
      pulled <= {pulled[6:0], sda_low};
    end
  end

  always @(posedge clk) begin
    if (!rst_n) begin
      state <= IDLE;
      count <= 4'd0;
      shift <= 8'd0;
      pointer <= 16'd0;
      is_read <= 1'b0;
      was_acknowledged <= 1'b0;
      sda_low <= 1'b0;
    end else if (start) begin
      state <= SELECT;
      count <= 4'd0;
      sda_low <= 1'b0;
    end else if (stop) begin
      state <= IDLE;
      count <= 4'd0;
      sda_low <= 1'b0;
    end else if (state != IDLE) begin
      if (rise) begin
        if (count < 4'd9) count <= count + 4'd1;
        if (count == 4'd8) was_acknowledged <= ~sda_now;
        else if (state != READ && count < 4'd8) shift <= {shift[6:0], sda_now};
      end
      if (takes_byte) begin
        case (state)
          SELECT: begin
            is_read <= shift[0];
            sda_low <= is_selected;
            if (!is_selected) state <= IDLE;
          end
          HIGH: begin
            pointer[15:8] <= shift;
            sda_low <= 1'b1;
          end
          LOW: begin
            pointer[7:0] <= shift;
            sda_low <= 1'b1;
          end
          WRITE: begin
            pointer <= pointer + 16'd1;
            sda_low <= accepted;
          end
          default: sda_low <= 1'b0;  // the controller answers
        endcase
      end else if (ends_byte) begin
        count <= 4'd0;
        if (sends) begin
          state <= READ;
          shift <= read_data;
          pointer <= pointer + 16'd1;
          sda_low <= ~read_data[7];
        end else begin
          sda_low <= 1'b0;
          case (state)
            SELECT: state <= HIGH;
            HIGH: state <= LOW;
            LOW: state <= WRITE;
            WRITE: state <= WRITE;
            default: state <= IDLE;
          endcase
        end
      end else if (fall && state == READ) begin
        shift <= {shift[6:0], 1'b1};
        sda_low <= ~shift[6];
      end
    end
  end
endmodule
