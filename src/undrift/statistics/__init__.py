"""Arrays in, numbers out: intervals, discoveries, and what the monitor of a stream computes."""
