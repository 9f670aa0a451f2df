// Memory of one macro-bank, as `sram.v` describes it, made for the block RAMs of an ECP5.
//
// Even rows and odd rows lie in RAMs of their own. Of two rows that follow each other one is even and
// one is odd; so all lanes share two addresses, instead of having one each. Of the RAMs of a lane, all
// but the one that is read put out zeros, so that a gate joins them.
//
// A read that meets a write of the same word may return anything, since block RAMs do.

module intarsia_sram #(
    parameter LANES = 8,
    parameter ROW_BITS = 13,
    parameter SPREAD = 0,
    parameter RAM_BITS = ROW_BITS > 12 ? 11 : ROW_BITS - 1  // a RAM has this many bits of address
) (
    input  wire                clk,
    input  wire                read_enable,
    input  wire [ROW_BITS-1:0] read_row,
    input  wire [LANES-1:0]    read_next,
    input  wire [LANES*2-1:0]  read_far,  // no lane is, here
    input  wire [ROW_BITS-1:0] read_apart,
    output wire [LANES*8-1:0]  read_bytes,
    output wire [LANES-1:0]    read_parity,
    input  wire [LANES-1:0]    write_enable,
    input  wire [ROW_BITS-1:0] write_row,
    input  wire [LANES-1:0]    write_next,
    input  wire [LANES*8-1:0]  write_bytes,
    input  wire [LANES-1:0]    write_parity
);
    localparam RAMS = 1 << (ROW_BITS - RAM_BITS);

    // Of the odd rows, and of the even ones, that which may be accessed; numbered without their last bit.
    wire [ROW_BITS-2:0] read_odd = read_row[ROW_BITS-1:1];
    wire [ROW_BITS-2:0] read_even = read_odd + {{(ROW_BITS - 2){1'b0}}, read_row[0]};
    wire [ROW_BITS-2:0] write_odd = write_row[ROW_BITS-1:1];
    wire [ROW_BITS-2:0] write_even = write_odd + {{(ROW_BITS - 2){1'b0}}, write_row[0]};

    genvar lane, ram;
    generate
        for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
            // What RAMs before `ram` have found, for each of them and for all.
            wire [(RAMS+1)*9-1:0] found;
            assign found[8:0] = 9'b0;

            for (ram = 0; ram < RAMS; ram = ram + 1) begin : rams
                localparam ODD = ram & 1;
                localparam NUMBER = ram >> 1;

                reg [8:0] words [0:(1 << RAM_BITS) - 1];
                reg [8:0] own;
                wire [ROW_BITS-2:0] read_address = ODD ? read_odd : read_even;
                wire [ROW_BITS-2:0] write_address = ODD ? write_odd : write_even;
                wire reads = (read_row[0] ^ read_next[lane]) == ODD && read_address >> RAM_BITS == NUMBER;
                wire writes = write_enable[lane] && (write_row[0] ^ write_next[lane]) == ODD
                    && write_address >> RAM_BITS == NUMBER;
                wire meet = writes && read_address == write_address;

                always @(posedge clk) begin
                    if (read_enable)
                        own <= !reads ? 9'b0 : meet ? 9'bx : words[read_address[RAM_BITS-1:0]];
                    if (writes)
                        words[write_address[RAM_BITS-1:0]]
                            <= {write_parity[lane], write_bytes[lane*8 +: 8]};
                end

                assign found[(ram+1)*9 +: 9] = found[ram*9 +: 9] | own;
            end

            assign read_bytes[lane*8 +: 8] = found[RAMS*9 +: 8];
            assign read_parity[lane] = found[RAMS*9 + 8];
        end
    endgenerate
endmodule
