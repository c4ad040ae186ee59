"""Datasets: made from folders and recipes by `prepare`, read by `OneShotDataset` and `MelDataset`."""
