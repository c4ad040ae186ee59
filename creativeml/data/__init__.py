"""Datasets: made by `prepare`, read by `OneShotDataset`, `ShardedOneShots` and `MelDataset`."""
