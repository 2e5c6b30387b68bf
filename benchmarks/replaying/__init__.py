"""What ``benchmarks/replay.py`` plays: streams, a bank of models, and the policies that look models up in it."""
