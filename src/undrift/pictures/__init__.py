"""What profiles and verdicts look like."""
