"""Words: numbers, phrases and sentences, made from stored records and from nothing else."""
