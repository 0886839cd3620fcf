// Takes one beat of each of N streams in the same clock, once all are there and there is room.
module stream_join #(
    parameter N = 2
) (
    input  wire [N-1:0] x_valid,
    output wire [N-1:0] x_ready,
    input  wire         room,
    output wire         take
);
  assign take = room & (&x_valid);
  assign x_ready = {N{take}};
endmodule
