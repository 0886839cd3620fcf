// A bus line in step with the clock: two registers against metastability, then y changes after
// three equal samples, so that spikes of up to two clocks pass unseen, and DELAY clocks more.
module line_filter #(
    parameter DELAY = 0
) (
    input  wire clk,
    input  wire rst_n,
    input  wire x,
    output wire y
);
  (* role = "state" *) reg [3+DELAY:0] samples;
  (* role = "state" *) reg kept;
  wire [2:0] last = samples[3+DELAY-:3];

  always @(posedge clk) begin
    if (!rst_n) begin
      samples <= {4 + DELAY{1'b1}};
      kept <= 1'b1;
    end else begin
      samples <= {samples[2+DELAY:0], x};
      if (last == 3'b111) kept <= 1'b1;
      else if (last == 3'b000) kept <= 1'b0;
    end
  end
  assign y = kept;
endmodule
