"""Sound on disk and in memory: files, onsets, loudness, features, augmentation."""
