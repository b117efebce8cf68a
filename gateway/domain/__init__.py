"""Pure rules: no I/O, no clock, no SQL. Time and ids are arguments."""
