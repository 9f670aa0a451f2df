// Memory of one macro-bank: LANES byte-wide banks of 9 bits, one read and one write a cycle.
//
// A vector that begins in lane o of a row ends in lane o - 1 of the next one; so each lane is told
// whether to take `row` or `row + 1`. With SPREAD, each lane may read up to three times `apart` rows
// further on. Rows wrap around. A read that meets a write of the same word
// returns the old word here, and may return anything elsewhere. Content survives reset. Replace this
// file by hard macros where there are any, or by `sram_ecp5.v`.

module intarsia_sram #(
    parameter LANES = 16,
    parameter ROW_BITS = 13,
    parameter SPREAD = 0
) (
    input  wire                clk,
    input  wire                read_enable,
    input  wire [ROW_BITS-1:0] read_row,
    input  wire [LANES-1:0]    read_next,
    input  wire [LANES*2-1:0]  read_far,
    input  wire [ROW_BITS-1:0] read_apart,
    output wire [LANES*8-1:0]  read_bytes,
    output wire [LANES-1:0]    read_parity,
    input  wire [LANES-1:0]    write_enable,
    input  wire [ROW_BITS-1:0] write_row,
    input  wire [LANES-1:0]    write_next,
    input  wire [LANES*8-1:0]  write_bytes,
    input  wire [LANES-1:0]    write_parity
);
    wire writes = |write_enable;

    genvar lane;
    generate
        for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
            reg [8:0] words [0:(1 << ROW_BITS) - 1];
            reg [8:0] word;
            wire [ROW_BITS-1:0] once = read_far[lane*2] ? read_apart : 0;
            wire [ROW_BITS-1:0] twice = read_far[lane*2+1] ? read_apart << 1 : 0;
            wire [ROW_BITS-1:0] read_address = read_row + {{(ROW_BITS - 1){1'b0}}, read_next[lane]}
                + (SPREAD ? once + twice : 0);
            wire [ROW_BITS-1:0] write_address = write_row + {{(ROW_BITS - 1){1'b0}}, write_next[lane]};

            always @(posedge clk) begin
                if (read_enable)
                    word <= words[read_address];
                // Blocking, after the read: simulators need no shadow of what is written.
                if (writes)
                    if (write_enable[lane])
                        words[write_address] = {write_parity[lane], write_bytes[lane*8 +: 8]};
            end

            assign read_bytes[lane*8 +: 8] = word[7:0];
            assign read_parity[lane] = word[8];
        end
    endgenerate
endmodule
