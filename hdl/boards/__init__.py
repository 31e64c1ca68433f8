"""What joins a core to a board: its clock and reset, its serial line, its lights.

May import: rbp.hdl.
"""
