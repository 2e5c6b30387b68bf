"""What ``benchmarks/replay.py`` plays: streams, a bank of models, and policies that look them up in it."""
